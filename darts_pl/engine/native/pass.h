// What the forward and the backward pass of a cell share: where everything lies.
#pragma once
#include <cmath>

#include "plan.h"
#include "pooling.h"
#include "threads.h"

namespace darts {

// Pointers that Python gives, in the order of the plan.
struct Pointers {
    void* const* weights;  // every unit: taps, matrix, second matrix (null where there is none)
    void* const* norms;    // every norm: scale, shift, running mean, running variance, number of batches (or null)
    void* const* masks;    // every mask: [batch]
};

template <class T> struct Pass {
    static constexpr int V = LANES<T>;
    const Plan& plan;
    const Pointers& pointers;
    const T* gates;
    const int threads, blocks, lanes;  // lanes: of all blocks, `channels` or more
    const Chunks chunks;

    std::vector<T*> states, maps;
    std::vector<Place*> places;
    std::vector<double*> means, rates;  // of every norm [lanes]; rate: 1 / √(variance + eps)

    Pass(const Plan& plan, const Pointers& pointers, const T* gates, char* saved, int threads)
        : plan(plan), pointers(pointers), gates(gates), threads(threads), blocks(blocks_of(plan.channels, V)),
          lanes(blocks * V), chunks(plan.batch) {
        end_of_saved = saved;
        for (int s = 0; s < plan.states; s++) states.push_back(take<T>(end_of_saved, plan.batch * count(plan.sizes[s])));
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

    size_t taps_count(const Unit& u) const { return u.operation == STAGE ? (size_t)u.kernel.taps() * lanes : 0; }
    size_t matrix_count(const Unit& u) const { return u.is_matrix() ? (size_t)lanes * lanes * u.copies() : 0; }

    // Filters [channels][k · k] → [blocks][k · k][LANES].
    void pack_taps(int u, T* to) const {
        const int k = plan.units[u].kernel.taps();
        for (int c = 0; c < lanes; c++)
            for (int i = 0; i < k; i++)
                to[((long)(c / V) * k + i) * V + c % V] = c < plan.channels ? taps(u)[(long)c * k + i] : T(0);
    }

    // The weight of input i for output o; the inputs of a halving are the channels of the even and of the odd pixels.
    T weight(int u, int o, int i) const {
        const int channels = plan.channels, copy = i / lanes, c = i % lanes;
        if (o >= channels || c >= channels) return T(0);
        if (plan.units[u].operation == STAGE) return matrix(u, 0)[(long)o * channels + c];
        const int even = channels - channels / 2;
        if ((copy == 0) != (o < even)) return T(0);
        return matrix(u, copy)[(long)(copy ? o - even : o) * channels + c];
    }

    // A unit's padded input, for all of one source and level: ReLU of the state, or of the normalised map before.
    void pad_input(const Unit& u, int image, const Padded<T>& to, T* coefficients) const {
        if (u.input < 0) return pad_relu<T>(state(u.source, image), nullptr, nullptr, to, blocks);
        T *factors = coefficients, *offsets = coefficients + lanes;
        const int m = plan.units[u.input].norm;
        for (int c = 0; c < lanes; c++) {
            double factor = m < 0 ? 1 : 0, offset = 0;
            if (m >= 0 && c < plan.channels) affine(m, c, factor, offset);
            factors[c] = factor, offsets[c] = offset;
        }
        pad_relu<T>(map(u.input, image), factors, offsets, to, blocks);
    }

    // Every second pixel of a padded map, the even ones and behind them the odd ones: rows `begin` to `end` of the
    // output, [2 · blocks][rows · width][LANES].
    void gather_halves(const Padded<T>& x, Size out, int begin, int end, T* to) const {
        for (int half = 0; half < 2; half++)
            for (int block = 0; block < blocks; block++)
                for (int i = begin; i < end; i++) {
                    const T* from = x.at(block, 2 * i + half, half);
                    for (int j = 0; j < out.width; j++, to += V) store(to, load(from + (long)j * 2 * V));
                }
    }
};

// Runs body(image, chunk, worker) for every image.
template <class T, class F> void for_images(const Pass<T>& pass, F&& body) {
    parallel(pass.chunks.count, pass.threads, [&](int chunk, int worker) {
        for (int image = pass.chunks.begin(chunk); image < pass.chunks.end(chunk); image++) body(image, chunk, worker);
    });
}

}  // namespace darts
