// A cell of dense convolutions forward: state by state, each computed from its terms image by image and convolved while
// it lies in the cache.
#pragma once
#include <cmath>

#include "average.h"
#include "dense_saved.h"
#include "dense_state.h"

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
        std::vector<Images> images;
        for (int worker = 0; worker < cell.threads; worker++) {
            works.emplace_back(state, false);
            images.emplace_back(*this);
        }
        for_images(chunks, cell.threads, s % 2, [&](int image, int chunk, int worker) {
            const T* x = sum.of(image, images[worker]);
            double* found = moments_by_chunk.data() + size_t(chunk) * cell.convolutions * 2 * cell.channels;
            if (!state.empty()) convolve(state, works[worker], x, packed.data(), image, found);
        });
        for (const DenseBank<T>& bank : state.banks)
            for (int q : bank.members) normalise(q, moments_by_chunk.data() + size_t(q) * 2 * cell.channels);
    }

    // What a thread works in beside its grids.
    struct Images {
        Buffer<T> scaled, averaged, row;

        explicit Images(const DenseForward& pass)
            : scaled(pass.saved.values), averaged(pass.saved.values), row(pass.average.work(), true) {}
    };

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

    // A state as the sum of its terms. The average of a sum is taken in place of the sum of averages.
    class Sum {
    public:
        Sum(const DenseForward& pass, int target)
            : pass(pass), target(target), terms(pass.flat), averages(pass.flat), bias(pass.flat.tiled()) {
            const DenseCell& cell = pass.cell;
            const DenseTerms all(cell, target);
            std::vector<double> first(cell.channels);  // what is added to each channel
            for (int q : all.convolutions) add_convolution(q, first);
            for (int t : all.identities) terms.add(pass.saved.states[cell.term[t].source], coefficient_of(t));
            for (int t : all.averages) averages.add(pass.saved.states[cell.term[t].source], coefficient_of(t));
            for (int t : all.constants)
                for (double& value : first) value += coefficient_of(t);
            lay_out(pass.flat, first.data(), bias.data());
        }

        // Image `image` of the state, computed now unless it is the input.
        const T* of(int image, const Images& images) const {
            const size_t at = image * pass.saved.values;
            if (target == 0) return pass.saved.states[0] + at;
            T* out = target == pass.cell.states - 1 ? static_cast<T*>(pass.cell.output) : const_cast<T*>(pass.saved.states[target]);
            const T* more = nullptr;
            if (!averages.empty()) {
                averages.sum(at, nullptr, nullptr, images.scaled.data());
                pass.average.forward(images.scaled.data(), images.averaged.data(), images.row.data());
                more = images.averaged.data();
            }
            terms.sum(at, bias.data(), more, out + at);
            return out + at;
        }

    private:
        double coefficient_of(int t) const { return coefficient<T>(pass.cell, pass.cell.term[t].coefficient); }

        void add_convolution(int q, std::vector<double>& first) {
            const DenseConvolution& own = pass.cell.convolution[q];
            const double weight = coefficient<T>(pass.cell, own.coefficient);
            std::vector<double> slope(pass.cell.channels);
            for (int c = 0; c < pass.cell.channels; c++) {
                slope[c] = weight * parameter<T>(own.scale, c, 1) * pass.saved.reciprocal[q][c];
                first[c] += weight * parameter<T>(own.shift, c, 0) - slope[c] * pass.saved.mean[q][c];
            }
            terms.add(pass.saved.z[q], slope.data());
        }

        const DenseForward& pass;
        const int target;
        Terms<T> terms, averages;
        Buffer<T> bias;
    };

    const DenseCell& cell;
    const DenseSaved<T> saved;
    const Flat<T> flat;
    const Average<T> average;
    const Chunks chunks;
};

}  // namespace darts::dense
