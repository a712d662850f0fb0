// A cell of dense convolutions, averages and identities, as Python describes it: plain structures, filled by
// darts_pl/engine/native/dense_plan.py in the same order.
//
// State 0 is the input, the last one the output; each but the first is the sum of the terms into it. All tensors are of
// one type, float or double, batches of images channels last.
#pragma once
#include <cstdint>

extern "C" {

struct DenseShape {
    int height, width, channels;
};

// coefficient * norm(convolution(relu(state `source`))), a term of state `target`. All convolutions of a state are
// rectified, or none is.
struct DenseConvolution {
    int source, target, kernel, stride, dilation;
    int rectified;         // whether there is a ReLU
    int normalised;        // whether there is a normalisation
    int coefficient;       // which, -1: 1
    int channels_last;     // whether weights lie as (C_out, k, k, C_in), else as (C_out, C_in, k, k)
    int batch_statistics;  // whether it is normalised by the batch at hand, else by the running statistics
    double eps;
    double momentum;  // by which running statistics take the batch's, negative: they do not
    const void* weight;
    const void* scale;  // of the normalisation, nullptr: 1
    const void* shift;  // nullptr: 0
    void* running_mean;
    void* running_var;
    void* weight_gradient;  // gradients are nullptr where they are not wanted
    void* scale_gradient;
    void* shift_gradient;
};

enum DenseTermKind { IDENTITY = 0, AVERAGE = 1, CONSTANT = 2, HALVED = 3, BYPASS = 4 };

// coefficient * (state `source`, its average 3x3, ones, or averages of 2x2 pixels side by side), a term of state
// `target`. Halved states have no coefficient, and are not averaged for the same target. BYPASS: the channels that are
// not mixed.
struct DenseTerm {
    int kind, source, target, coefficient;
};

struct DenseCell {
    int batch, states, convolutions, terms, threads;
    int divisor;              // one channel in how many is mixed; above 1 all states are of one shape
    const DenseShape* shape;  // of the states, what of them is mixed
    const DenseConvolution* convolution;
    const DenseTerm* term;
    const void* coefficients;
    const void* input;
    void* saved;  // as many bytes as dense_cell_saved says, aligned to 64, what the backward pass needs
    void* output;
    const void* output_gradient;
    void* input_gradient;          // nullptr: not wanted
    double* coefficient_gradient;  // one a coefficient, zero before
};

// `is_double`: of which type the tensors are.
void dense_cell_saved(const DenseCell* cell, int is_double, int64_t* bytes);
void dense_cell_forward(const DenseCell* cell, int is_double);
void dense_cell_backward(const DenseCell* cell, int is_double);
}
