// A cell of dense convolutions forward: state by state, each computed from its terms image by image and convolved while
// it lies in the cache.
#pragma once
#include <cmath>

#include "average.h"
#include "dense_saved.h"
#include "dense_state.h"
#include "threads.h"

namespace darts::dense {

template <class T> class DenseForward {
public:
    explicit DenseForward(const DenseCell& cell)
        : cell(cell), saved(cell), flat(int(saved.values), cell.channels),
          average(cell.height, cell.width, cell.channels), chunks(cell.batch) {}

    void run() {
        for (int s = 0; s < cell.states; s++) pass(s);
    }

private:
    void pass(int s) {
        const DenseState<T> state(cell, s);
        const Sum sum(*this, s);
        const Buffer<T> packed = state.packed(false);
        Buffer<double> moments_by_chunk(size_t(chunks.count) * cell.convolutions * 2 * cell.channels, true);
        std::vector<DenseWork<T>> works;
        for (int worker = 0; worker < cell.threads; worker++) works.emplace_back(state, false);
        parallel(chunks.count, cell.threads, [&](int chunk, int worker) {
            Buffer<T> row(average.work(), true);
            double* found = moments_by_chunk.data() + size_t(chunk) * cell.convolutions * 2 * cell.channels;
            for (int image = chunks.begin(chunk); image < chunks.end(chunk); image++) {
                const T* x = sum.of(image);
                if (saved.averages[s]) average.forward(x, saved.averages[s] + image * saved.values, row.data());
                if (!state.empty()) convolve(state, works[worker], x, packed.data(), image, found);
            }
        });
        for (const DenseBank<T>& bank : state.banks)
            for (int q : bank.members) normalise(q, moments_by_chunk.data() + size_t(q) * 2 * cell.channels);
    }

    void convolve(const DenseState<T>& state, const DenseWork<T>& work, const T* x, const T* packed, int image,
                  double* found) {
        std::vector<T*> z(cell.convolutions);
        for (int q = 0; q < cell.convolutions; q++) z[q] = saved.z[q] + image * saved.values;
        forward_of_image(state, work, x, packed, z.data());
        for (const DenseBank<T>& bank : state.banks)
            for (int q : bank.members) moments(flat, z[q], found + size_t(q) * 2 * cell.channels);
    }

    // By what convolution `q` is normalised; `found`: sums and sums of squares of the first chunk.
    void normalise(int q, const double* found) {
        const DenseConvolution& own = cell.convolution[q];
        const double count = double(cell.batch) * cell.height * cell.width;
        T *running_mean = static_cast<T*>(own.running_mean), *running_var = static_cast<T*>(own.running_var);
        for (int c = 0; c < cell.channels; c++) {
            double sum = 0, squares = 0;
            for (int chunk = 0; chunk < chunks.count; chunk++) {
                const double* at = found + size_t(chunk) * cell.convolutions * 2 * cell.channels;
                sum += at[c];
                squares += at[cell.channels + c];
            }
            double mean = sum / count, var = squares / count - mean * mean;
            if (var < 0) var = 0;
            if (own.batch_statistics && own.momentum >= 0) {
                running_mean[c] += T(own.momentum * (mean - running_mean[c]));
                running_var[c] += T(own.momentum * (var * count / (count - 1) - running_var[c]));
            }
            if (!own.batch_statistics) mean = running_mean[c], var = running_var[c];
            saved.mean[q][c] = mean;
            saved.reciprocal[q][c] = 1 / std::sqrt(var + own.eps);
        }
    }

    // A state as the sum of its terms.
    class Sum {
    public:
        Sum(const DenseForward& pass, int target)
            : pass(pass), target(target), all(pass.cell, pass.saved, target), first(pass.cell.channels),
              laid_out(all.tensors.size() * pass.flat.tiled()), bias(pass.flat.tiled()) {
            T* at = laid_out.data();
            for (int q : all.convolutions) at = add_convolution(q, at);
            for (int t : all.others) {
                const std::vector<double> equal(pass.cell.channels, coefficient<T>(pass.cell, pass.cell.term[t].coefficient));
                lay_out(pass.flat, equal.data(), at);
                at += pass.flat.tiled();
            }
            for (int t = 0; t < pass.cell.terms; t++)
                if (const DenseTerm& term = pass.cell.term[t]; term.kind == CONSTANT && term.target == target)
                    for (double& value : first) value += coefficient<T>(pass.cell, term.coefficient);
            lay_out(pass.flat, first.data(), bias.data());
        }

        // Image `image` of the state, computed now unless it is the input.
        const T* of(int image) const {
            const size_t at = image * pass.saved.values;
            if (target == 0) return static_cast<const T*>(pass.cell.input) + at;
            std::vector<Term<T>> terms;
            for (size_t k = 0; k < all.tensors.size(); k++)
                terms.push_back({all.tensors[k] + at, laid_out.data() + k * pass.flat.tiled()});
            T* out = target == pass.cell.states - 1 ? static_cast<T*>(pass.cell.output) : pass.saved.states[target];
            weighted_sum(pass.flat, terms.data(), int(terms.size()), bias.data(), out + at);
            return out + at;
        }

    private:
        T* add_convolution(int q, T* at) {
            const DenseConvolution& own = pass.cell.convolution[q];
            const double weight = coefficient<T>(pass.cell, own.coefficient);
            std::vector<double> slope(pass.cell.channels);
            for (int c = 0; c < pass.cell.channels; c++) {
                slope[c] = weight * parameter<T>(own.scale, c, 1) * pass.saved.reciprocal[q][c];
                first[c] += weight * parameter<T>(own.shift, c, 0) - slope[c] * pass.saved.mean[q][c];
            }
            lay_out(pass.flat, slope.data(), at);
            return at + pass.flat.tiled();
        }

        const DenseForward& pass;
        const int target;
        const DenseTerms<T> all;
        std::vector<double> first;  // what is added to each channel
        Buffer<T> laid_out, bias;
    };

    const DenseCell& cell;
    const DenseSaved<T> saved;
    const Flat<T> flat;
    const Average<T> average;
    const Chunks chunks;
};

}  // namespace darts::dense
