// A cell of dense convolutions forward: state by state, each computed from its terms image by image and convolved while
// it lies in the cache.
#pragma once
#include <algorithm>
#include <cmath>

#include "average.h"
#include "dense_saved.h"
#include "dense_state.h"
#include "partial.h"

namespace darts::dense {

template <class T> class DenseForward {
public:
    explicit DenseForward(const DenseCell& cell)
        : cell(cell), saved(cell), flat(flats<T>(cell)), chunks(cell.batch) {
        for (int q = 0; q < cell.convolutions; q++) {
            moments_at.push_back(moments_of_chunk);
            moments_of_chunk += 2 * channels_of(q);
        }
    }

    void run() {
        for (int s = 0; s < cell.states; s++) pass(s);
    }

private:
    void pass(int s) {
        const DenseState<T> state(cell, s);
        const Sum sum(*this, s);
        const Buffer<T> packed = state.packed(false);
        Buffer<double> moments_by_chunk(chunks.count * moments_of_chunk, true);
        std::vector<DenseWork<T>> works;
        std::vector<Images> images;
        for (int worker = 0; worker < cell.threads; worker++) {
            works.emplace_back(state, false);
            images.emplace_back(*this, s);
        }
        for_images(chunks, cell.threads, s % 2, [&](int image, int chunk, int worker) {
            const T* x = sum.of(image, images[worker]);
            double* found = moments_by_chunk.data() + chunk * moments_of_chunk;
            if (!state.empty()) convolve(state, works[worker], x, packed.data(), image, found);
        });
        for (const DenseBank<T>& bank : state.banks)
            for (int q : bank.members) normalise(q, moments_by_chunk.data() + moments_at[q]);
    }

    // What a thread works in beside its grids.
    struct Images {
        Buffer<T> scaled, averaged, row, mixed, others;

        Images(const DenseForward& pass, int s)
            : scaled(*std::max_element(pass.saved.values.begin(), pass.saved.values.end())),
              averaged(pass.saved.values[s]), row(pass.average(s).work(), true), mixed(pass.saved.values[s]),
              others(pass.cell.divisor > 1 ? pass.saved.values[s] * pass.cell.divisor : 0) {}
    };

    Average<T> average(int s) const { return {cell.shape[s].height, cell.shape[s].width, cell.shape[s].channels}; }
    int target_of(int q) const { return cell.convolution[q].target; }
    int channels_of(int q) const { return cell.shape[target_of(q)].channels; }

    void convolve(const DenseState<T>& state, const DenseWork<T>& work, const T* x, const T* packed, int image,
                  double* found) {
        std::vector<T*> z(cell.convolutions);
        for (int q = 0; q < cell.convolutions; q++) z[q] = saved.z[q] + image * saved.values[target_of(q)];
        forward_of_image(state, work, x, packed, z.data());
        for (const DenseBank<T>& bank : state.banks)
            for (int q : bank.members)
                if (cell.convolution[q].batch_statistics) moments(flat[target_of(q)], z[q], found + moments_at[q]);
    }

    // By what convolution `q` is normalised; `found`: sums and sums of squares of the first chunk.
    void normalise(int q, const double* found) {
        const DenseConvolution& own = cell.convolution[q];
        const DenseShape& shape = cell.shape[own.target];
        const double count = double(cell.batch) * shape.height * shape.width;
        T *running_mean = static_cast<T*>(own.running_mean), *running_var = static_cast<T*>(own.running_var);
        for (int c = 0; c < shape.channels; c++) {
            double sum = 0, squares = 0;
            for (int chunk = 0; chunk < chunks.count; chunk++) {
                sum += found[chunk * moments_of_chunk + c];
                squares += found[chunk * moments_of_chunk + shape.channels + c];
            }
            double mean = sum / count, var = std::max(0.0, squares / count - mean * mean);
            if (own.batch_statistics && own.momentum >= 0) {
                running_mean[c] += T(own.momentum * (mean - running_mean[c]));
                running_var[c] += T(own.momentum * (var * count / (count - 1) - running_var[c]));
            }
            if (!own.batch_statistics && own.normalised) mean = running_mean[c], var = running_var[c];
            saved.mean[q][c] = own.normalised ? mean : 0;
            saved.reciprocal[q][c] = own.normalised ? 1 / std::sqrt(var + own.eps) : 1;
        }
    }

    // A state as the sum of its terms. The average of a sum is taken in place of the sum of averages.
    class Sum {
    public:
        Sum(const DenseForward& pass, int target)
            : pass(pass), target(target), flat(pass.flat[target]), all(pass.cell, target), terms(flat), averages(flat),
              average(pass.average(target)), bias(flat.tiled()), partial(flat.values / flat.channels, flat.channels, pass.cell.divisor),
              whole(flat.values * pass.cell.divisor, flat.channels * pass.cell.divisor), bypass(whole) {
            std::vector<double> first(flat.channels);  // what is added to each channel
            for (int q : all.convolutions) add_convolution(q, first);
            for (int t : all.by_kind[IDENTITY]) terms.add(state_of(t), coefficient_of(t));
            for (int t : all.by_kind[AVERAGE]) averages.add(state_of(t), coefficient_of(t));
            for (int t : all.by_kind[CONSTANT])
                for (double& value : first) value += coefficient_of(t);
            for (int t : all.by_kind[BYPASS]) bypass.add(pass.saved.wholes[pass.cell.term[t].source], coefficient_of(t));
            lay_out(flat, first.data(), bias.data());
        }

        // Image `image` of the state, what of it is mixed; computed now unless it is the input.
        const T* of(int image, const Images& images) const {
            const bool is_partial = pass.cell.divisor > 1, is_last = target == pass.cell.states - 1;
            const size_t at = image * size_t(flat.values), at_whole = image * size_t(whole.values);
            T* own = is_last ? images.mixed.data() : const_cast<T*>(pass.saved.states[target]) + at;
            if (target > 0) {
                T* to = is_partial ? images.mixed.data() : is_last ? static_cast<T*>(pass.cell.output) + at : own;
                mix(image, images, to);
                if (!is_partial) return to;
                bypass.sum(at_whole, nullptr, nullptr, images.others.data());
                T* out = is_last ? static_cast<T*>(pass.cell.output) : const_cast<T*>(pass.saved.wholes[target]);
                partial.shuffle(images.mixed.data(), images.others.data(), out + at_whole);
                if (is_last) return nullptr;
            }
            if (is_partial) partial.take(pass.saved.wholes[target] + at_whole, own);
            return own;
        }

    private:
        void mix(int image, const Images& images, T* out) const {
            const size_t at = image * size_t(flat.values);
            const T* more = nullptr;
            if (!averages.empty()) {
                averages.sum(at, nullptr, nullptr, images.scaled.data());
                average.forward(images.scaled.data(), images.averaged.data(), images.row.data());
                more = images.averaged.data();
            }
            for (int t : all.by_kind[HALVED]) {
                const int source = pass.cell.term[t].source;
                const DenseShape& shape = pass.cell.shape[source];
                const T* x = pass.saved.states[source] + image * pass.saved.values[source];
                Halving<T>(shape.height, shape.width, shape.channels).forward(x, more != nullptr, images.averaged.data());
                more = images.averaged.data();
            }
            terms.sum(at, bias.data(), more, out);
        }

        double coefficient_of(int t) const { return coefficient<T>(pass.cell, pass.cell.term[t].coefficient); }
        const T* state_of(int t) const { return pass.saved.states[pass.cell.term[t].source]; }

        void add_convolution(int q, std::vector<double>& first) {
            const DenseConvolution& own = pass.cell.convolution[q];
            const double weight = coefficient<T>(pass.cell, own.coefficient);
            std::vector<double> slope(flat.channels);
            for (int c = 0; c < flat.channels; c++) {
                slope[c] = weight * parameter<T>(own.scale, c, 1) * pass.saved.reciprocal[q][c];
                first[c] += weight * parameter<T>(own.shift, c, 0) - slope[c] * pass.saved.mean[q][c];
            }
            terms.add(pass.saved.z[q], slope.data());
        }

        const DenseForward& pass;
        const int target;
        const Flat<T>& flat;
        const DenseTerms all;
        Terms<T> terms, averages;
        const Average<T> average;
        Buffer<T> bias;
        const Partial<T> partial;
        const Flat<T> whole;
        Terms<T> bypass;
    };

    const DenseCell& cell;
    const DenseSaved<T> saved;
    const std::vector<Flat<T>> flat;  // of states
    const Chunks chunks;
    std::vector<size_t> moments_at;  // of convolutions: where their sums lie among those of a chunk
    size_t moments_of_chunk = 0;
};

}  // namespace darts::dense
