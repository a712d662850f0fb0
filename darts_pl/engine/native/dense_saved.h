// What a cell of dense convolutions keeps between its forward and its backward pass, in one block of memory.
#pragma once
#include "dense_cell.h"
#include "flat.h"

namespace darts::dense {

// Tensors that are read side by side begin at different places in a page, lest they meet in the same few lines of the
// cache: behind each lie so many bytes.
constexpr size_t STAGGER = 17 * ALIGNMENT;

// All tensors are batches of `values` = height x width x channels values an image.
template <class T> struct DenseSaved {
    size_t values;
    std::vector<const T*> states;           // but the output
    std::vector<T*> z;                      // of convolutions, not yet normalised
    std::vector<double*> mean, reciprocal;  // by which each z was normalised, [channels]: mean and 1 / deviation
    size_t bytes;

    explicit DenseSaved(const DenseCell& cell)
        : values(size_t(cell.height) * cell.width * cell.channels), states(cell.states) {
        char* place = static_cast<char*>(cell.saved);
        const size_t tensor = cell.batch * values + STAGGER / sizeof(T);
        states[0] = static_cast<const T*>(cell.input);
        for (int s = 1; s < cell.states - 1; s++) states[s] = take<T>(place, tensor);
        for (int q = 0; q < cell.convolutions; q++) {
            z.push_back(take<T>(place, tensor));
            mean.push_back(take<double>(place, cell.channels));
            reciprocal.push_back(take<double>(place, cell.channels));
        }
        bytes = place - static_cast<char*>(cell.saved);
    }
};

// The terms of a state, by their numbers in the cell.
struct DenseTerms {
    std::vector<int> convolutions, identities, averages, constants;

    DenseTerms(const DenseCell& cell, int target) {
        for (int q = 0; q < cell.convolutions; q++)
            if (cell.convolution[q].target == target) convolutions.push_back(q);
        for (int t = 0; t < cell.terms; t++)
            if (cell.term[t].target == target) of_kind(cell.term[t].kind).push_back(t);
    }

    std::vector<int>& of_kind(int kind) {
        return kind == AVERAGE ? averages : kind == IDENTITY ? identities : constants;
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
