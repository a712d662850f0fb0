// What the forward and the backward pass of a cell share: where everything lies.
#pragma once
#include <algorithm>
#include <cmath>

#include "plan.h"
#include "pooling.h"
#include "threads.h"

namespace darts {

// Pointers that Python gives, in the order of the plan.
struct Pointers {
    void* const* inputs;   // channels-last
    void* const* weights;  // every unit: taps, matrix, second matrix (null where there is none)
    void* const* norms;    // every norm: scale, shift, running mean, running variance, number of batches (or null)
    void* const* masks;    // every mask: [batch]
};

// The rows `begin` to `end` of an image's output.
struct Rows {
    int begin, end;
    int count() const { return end - begin; }
};

template <class T> struct Pass {
    static constexpr int V = LANES<T>;
    const Plan& plan;
    const Pointers& pointers;
    const T* gates;
    const int threads, blocks, lanes;  // lanes: of all blocks, `channels` or more
    const Chunks chunks;
    const int workers;  // that work on images

    std::vector<T*> states, maps;
    std::vector<Place*> places;
    std::vector<double*> means, rates;  // of every norm [lanes]; rate: 1 / √(variance + eps)

    Pass(const Plan& plan, const Pointers& pointers, const T* gates, char* saved, int threads)
        : plan(plan), pointers(pointers), gates(gates), threads(threads), blocks(blocks_of(plan.channels, V)),
          lanes(blocks * V), chunks(plan.batch), workers(std::min(threads, chunks.count)) {
        end_of_saved = saved;
        for (const Size& size : plan.sizes) states.push_back(take<T>(end_of_saved, plan.batch * count(size)));
        for (const Unit& u : plan.units) {
            maps.push_back(take<T>(end_of_saved, plan.batch * count(u.out)));
            const bool indexed = u.operation == POOLING && u.largest;
            places.push_back(indexed ? take<Place>(end_of_saved, plan.batch * count(u.out)) : nullptr);
        }
        for (size_t m = 0; m < plan.norms.size(); m++) {
            means.push_back(take<double>(end_of_saved, lanes));
            rates.push_back(take<double>(end_of_saved, lanes));
        }
    }

    char* end_of_saved;

    long count(Size size) const { return size.pixels() * lanes; }  // Ts of a map of one image
    T* state(int s, int image) const { return states[s] + image * count(plan.sizes[s]); }
    T* map(int u, int image) const { return maps[u] + image * count(plan.units[u].out); }
    Place* place(int u, int image) const { return places[u] + image * count(plan.units[u].out); }
    const T* input(const Unit& u, int image) const {
        return u.input < 0 ? state(u.source, image) : map(u.input, image);
    }

    const T* taps(int u) const { return static_cast<const T*>(pointers.weights[3 * u]); }
    const T* matrix(int u, int which) const { return static_cast<const T*>(pointers.weights[3 * u + 1 + which]); }
    const T* scale(int m) const { return static_cast<const T*>(pointers.norms[5 * m]); }
    const T* shift(int m) const { return static_cast<const T*>(pointers.norms[5 * m + 1]); }
    T* running_mean(int m) const { return static_cast<T*>(pointers.norms[5 * m + 2]); }
    T* running_var(int m) const { return static_cast<T*>(pointers.norms[5 * m + 3]); }
    int64_t* batches(int m) const { return static_cast<int64_t*>(pointers.norms[5 * m + 4]); }
    const T* mask(int k) const { return static_cast<const T*>(pointers.masks[k]); }

    double gate(const Term& t) const { return t.gate < 0 ? 1.0 : (double)gates[t.gate]; }
    double scale_of(int m, int c) const { return scale(m) ? (double)scale(m)[c] : 1.0; }
    double shift_of(int m, int c) const { return shift(m) ? (double)shift(m)[c] : 0.0; }

    // Normalised: factor · x + offset.
    void affine(int m, int c, double& factor, double& offset) const {
        factor = scale_of(m, c) * rates[m][c];
        offset = shift_of(m, c) - factor * means[m][c];
    }

    // The same for all channels, zeros in the lanes behind them.
    void inner_affine(int m, T* factors, T* offsets) const {
        for (int c = 0; c < lanes; c++) {
            double factor = 0, offset = 0;
            if (c < plan.channels) affine(m, c, factor, offset);
            factors[c] = factor, offsets[c] = offset;
        }
    }

    size_t taps_count(const Unit& u) const { return u.operation == STAGE ? (size_t)u.kernel.taps() * lanes : 0; }
    int in_blocks(const Unit& u) const { return blocks_of(u.in_channels, V) * u.copies(); }  // that its matrix reads
    size_t matrix_count(const Unit& u) const { return u.is_matrix() ? (size_t)lanes * in_blocks(u) * V : 0; }
    int rows(const Unit& u) const { return strip_rows(u.out, in_blocks(u) * V); }
    const T* raw(const Unit& u, int image) const {
        return static_cast<const T*>(pointers.inputs[u.source]) + image * u.in.pixels() * u.in_channels;
    }

    // Filters [channels][k · k] → [blocks][k · k][LANES].
    void pack_taps(int u, T* to) const {
        const int k = plan.units[u].kernel.taps();
        std::fill_n(to, (size_t)k * lanes, T(0));
        for (int c = 0; c < plan.channels; c++)
            for (int i = 0; i < k; i++) to[((long)(c / V) * k + i) * V + c % V] = taps(u)[(long)c * k + i];
    }

    // Of a halving the first `even` outputs are made of the even pixels' channels, the others of the odd ones'.
    int evens(const Unit& u) const { return plan.channels - (u.operation == HALVING ? plan.channels / 2 : 0); }

    // The matrix [outputs][inputs] of a unit, zeros where it has no weight: → [lanes][in_blocks · LANES], or transposed
    // if the inputs come first.
    void pack_matrix(int u, T* to, bool inputs_first) const {
        const Unit& unit = plan.units[u];
        const int even = evens(unit), columns = in_blocks(unit) * V, in = unit.in_channels;
        std::fill_n(to, matrix_count(unit), T(0));
        for (int copy = 0; copy < unit.copies(); copy++) {
            const int first = copy ? even : 0, last = copy ? plan.channels : even, offset = copy * columns / 2;
            for (int i = 0; i < in; i += V)  // a few columns at a time, so that what is written to stays in the cache
                for (int o = first; o < last; o++) {
                    const T* from = matrix(u, copy) + (long)(o - first) * in;
                    for (int k = i; k < i + V && k < in; k++)
                        to[inputs_first ? (long)(offset + k) * lanes + o : (long)o * columns + offset + k] = from[k];
                }
        }
    }

    // A unit's padded input, for all of one source and level: ReLU of the state, or of the normalised map before.
    void pad_input(const Unit& u, int image, const Padded<T>& to, T* coefficients) const {
        if (u.input < 0) return pad_relu<T>(state(u.source, image), nullptr, nullptr, to, blocks);
        T *factors = coefficients, *offsets = coefficients + lanes;
        inner_affine(plan.units[u.input].norm, factors, offsets);
        pad_relu<T>(map(u.input, image), factors, offsets, to, blocks);
    }

    // Every second pixel of a padded map, the even ones and behind them the odd ones, [2 · blocks][pixels][LANES].
    void gather_halves(const Padded<T>& x, Size out, Rows rows, T* to) const {
        for (int half = 0; half < 2; half++)
            for (int block = 0; block < blocks; block++)
                for (int i = rows.begin; i < rows.end; i++) {
                    const T* from = x.at(block, 2 * i + half, half);
                    for (int j = 0; j < out.width; j++, to += V) store(to, load(from + (long)j * 2 * V));
                }
    }

    // Calls with (pixel of the raw input, -1 where there is none; first channel, how many; offset in the gathered ones)
    // for all vectors of a strip: [in_blocks][pixels][LANES].
    template <class F> void for_raw(const Unit& u, Rows rows, F&& call) const {
        long to = 0;
        for (int half = 0; half < u.copies(); half++)
            for (int c = 0; c < u.in_channels; c += V)
                for (int i = rows.begin; i < rows.end; i++) {
                    const int stride = u.copies(), row = i * stride + half, count = std::min(V, u.in_channels - c);
                    for (int j = 0; j < u.out.width; j++, to += V) {
                        const int column = j * stride + half;
                        const bool outside = row >= u.in.height || column >= u.in.width;
                        call(outside ? -1 : (long)row * u.in.width + column, c, count, to);
                    }
                }
    }

    // ReLU of what a projection reads.
    void gather_raw(const Unit& u, int image, Rows rows, T* to) const {
        const T* x = raw(u, image);
        for_raw(u, rows, [&](long pixel, int c, int count, long place) {
            const Vec<T> v = pixel < 0 ? zero<T>() : load_some(x + pixel * u.in_channels + c, count);
            store(to + place, relu<T>(v));
        });
    }
};

// Runs body(image, chunk, worker) for every image.
template <class T, class F> void for_images(const Pass<T>& pass, F&& body) {
    parallel(pass.chunks.count, pass.threads, [&](int chunk, int worker) {
        for (int image = pass.chunks.begin(chunk); image < pass.chunks.end(chunk); image++) body(image, chunk, worker);
    });
}

}  // namespace darts
