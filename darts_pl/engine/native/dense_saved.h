// What a cell of dense convolutions keeps between its forward and its backward pass, in one block of memory.
#pragma once
#include "dense_cell.h"
#include "flat.h"

namespace darts::dense {

// All tensors are batches of `values` = height x width x channels values an image.
template <class T> struct DenseSaved {
    size_t values;
    std::vector<T*> states;                 // that are neither the input nor the output
    std::vector<T*> averages;               // of states that are averaged, else nullptr
    std::vector<T*> z;                      // of convolutions, not yet normalised
    std::vector<double*> mean, reciprocal;  // by which each z was normalised, [channels]: mean and 1 / deviation
    size_t bytes;

    explicit DenseSaved(const DenseCell& cell)
        : values(size_t(cell.height) * cell.width * cell.channels), states(cell.states), averages(cell.states) {
        char* place = static_cast<char*>(cell.saved);
        const size_t tensor = cell.batch * values;
        for (int s = 1; s < cell.states - 1; s++) states[s] = take<T>(place, tensor);
        for (int t = 0; t < cell.terms; t++) {
            T*& average = averages[cell.term[t].source];
            if (cell.term[t].kind == AVERAGE && !average) average = take<T>(place, tensor);
        }
        for (int q = 0; q < cell.convolutions; q++) {
            z.push_back(take<T>(place, tensor));
            mean.push_back(take<double>(place, cell.channels));
            reciprocal.push_back(take<double>(place, cell.channels));
        }
        bytes = place - static_cast<char*>(cell.saved);
    }
};

// The terms of a state that are tensors, in a fixed order: convolutions, then identities and averages.
template <class T> struct DenseTerms {
    std::vector<const T*> tensors;  // batches
    std::vector<int> convolutions, others;

    DenseTerms(const DenseCell& cell, const DenseSaved<T>& saved, int target) {
        for (int q = 0; q < cell.convolutions; q++)
            if (cell.convolution[q].target == target) {
                tensors.push_back(saved.z[q]);
                convolutions.push_back(q);
            }
        for (int t = 0; t < cell.terms; t++) {
            const DenseTerm& term = cell.term[t];
            if (term.target != target || term.kind == CONSTANT) continue;
            const T* state = term.source ? saved.states[term.source] : static_cast<const T*>(cell.input);
            tensors.push_back(term.kind == AVERAGE ? saved.averages[term.source] : state);
            others.push_back(t);
        }
    }
};

template <class T> double coefficient(const DenseCell& cell, int index) {
    return index < 0 ? 1.0 : double(static_cast<const T*>(cell.coefficients)[index]);
}

// Entry `channel` of a parameter of normalisation, `otherwise` where there is none.
template <class T> double parameter(const void* values, int channel, double otherwise) {
    return values ? double(static_cast<const T*>(values)[channel]) : otherwise;
}

}  // namespace darts::dense
