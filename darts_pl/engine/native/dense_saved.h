// What a cell of dense convolutions keeps between its forward and its backward pass, in one block of memory.
#pragma once
#include "dense_cell.h"
#include "flat.h"

namespace darts::dense {

// Tensors that are read side by side begin at different places in a page, lest they meet in the same few lines of the
// cache: behind each lie so many bytes.
constexpr size_t STAGGER = 17 * ALIGNMENT;

template <class T> struct DenseSaved {
    std::vector<size_t> values;             // of an image of every state
    std::vector<const T*> states;           // but the output, what of them is mixed
    std::vector<const T*> wholes;           // but the output, all channels; the same where all are mixed
    std::vector<T*> z;                      // of convolutions, not yet normalised
    std::vector<double*> mean, reciprocal;  // by which each z was normalised, [channels]: mean and 1 / deviation
    size_t bytes;

    explicit DenseSaved(const DenseCell& cell)
        : states(cell.states), wholes(cell.states) {
        char* place = static_cast<char*>(cell.saved);
        for (int s = 0; s < cell.states; s++) {
            const DenseShape& shape = cell.shape[s];
            values.push_back(size_t(shape.height) * shape.width * shape.channels);
        }
        const auto tensor = [&](int s, int times) {
            return take<T>(place, cell.batch * values[s] * times + STAGGER / sizeof(T));
        };
        const int divisor = cell.divisor;
        wholes[0] = static_cast<const T*>(cell.input);
        states[0] = divisor > 1 ? tensor(0, 1) : wholes[0];
        for (int s = 1; s < cell.states - 1; s++) {
            states[s] = tensor(s, 1);
            wholes[s] = divisor > 1 ? tensor(s, divisor) : states[s];
        }
        for (int q = 0; q < cell.convolutions; q++) {
            z.push_back(tensor(cell.convolution[q].target, 1));
            mean.push_back(take<double>(place, cell.shape[cell.convolution[q].target].channels));
            reciprocal.push_back(take<double>(place, cell.shape[cell.convolution[q].target].channels));
        }
        bytes = place - static_cast<char*>(cell.saved);
    }
};

// The terms of a state, by their numbers in the cell.
struct DenseTerms {
    std::vector<int> convolutions, by_kind[5];

    DenseTerms(const DenseCell& cell, int target) {
        for (int q = 0; q < cell.convolutions; q++)
            if (cell.convolution[q].target == target) convolutions.push_back(q);
        for (int t = 0; t < cell.terms; t++)
            if (cell.term[t].target == target) by_kind[cell.term[t].kind].push_back(t);
    }
};

// Channelwise work on images of every state.
template <class T> std::vector<Flat<T>> flats(const DenseCell& cell) {
    std::vector<Flat<T>> found;
    for (int s = 0; s < cell.states; s++) {
        const DenseShape& shape = cell.shape[s];
        found.emplace_back(shape.height * shape.width * shape.channels, shape.channels);
    }
    return found;
}

template <class T> double coefficient(const DenseCell& cell, int index) {
    return index < 0 ? 1.0 : double(static_cast<const T*>(cell.coefficients)[index]);
}

// Entry `channel` of a parameter of normalisation, `otherwise` where there is none.
template <class T> double parameter(const void* values, int channel, double otherwise) {
    return values ? double(static_cast<const T*>(values)[channel]) : otherwise;
}

}  // namespace darts::dense
