// Channelwise work on whole images as flat rows of values, channels last: pixels are not told apart, and what differs
// by channel is laid out until it begins anew at the start of a vector. Any number of channels fills all lanes.
#pragma once
#include <limits>
#include <numeric>
#include <vector>

#include "vectors.h"

namespace darts::dense {

// `values` in a row, the channel of value v being v % channels.
template <class T> struct Flat {
    int values, channels, vectors, rest, period;

    Flat(int values, int channels)
        : values(values), channels(channels), vectors(values / LANES<T>), rest(values % LANES<T>),
          period(std::lcm(channels, LANES<T>) / LANES<T>) {}

    int tiled() const { return period * LANES<T>; }  // values of a laid out coefficient
};

// A value a channel, laid out: out [flat.tiled()].
template <class T, class S> void lay_out(const Flat<T>& flat, const S* by_channel, T* out) {
    for (int v = 0; v < flat.tiled(); v++) out[v] = T(by_channel[v % flat.channels]);
}

// A term of a weighted sum: coefficient[channel] * values.
template <class T> struct Term {
    const T* values;
    const T* coefficient;  // laid out
};

namespace flat {

template <class T> INLINE Vec<T> sum_at(const Term<T>* terms, int count, Vec<T> sum, int lane, int at, int some) {
    for (int q = 0; q < count; q++)
        sum += load_any(terms[q].coefficient + lane) * load_some(terms[q].values + at, some);
    return sum;
}

}  // namespace flat

// out = bias + more + the sum of all terms; bias laid out. nullptr: nothing.
template <class T>
void weighted_sum(const Flat<T>& f, const Term<T>* terms, int count, const T* bias, const T* more, T* out) {
    constexpr int AT_ONCE = 4;
    for (int phase = 0; phase < f.period; phase++) {
        const int lane = phase * LANES<T>;
        const Vec<T> first = bias ? load_any(bias + lane) : zero<T>();
        int v = phase;
        for (; v + (AT_ONCE - 1) * f.period < f.vectors; v += AT_ONCE * f.period) {
            Vec<T> sum[AT_ONCE];
#pragma GCC unroll 4
            for (int k = 0; k < AT_ONCE; k++)
                sum[k] = more ? first + load_any(more + (v + k * f.period) * LANES<T>) : first;
            for (int q = 0; q < count; q++) {
                const Vec<T> c = load_any(terms[q].coefficient + lane);
                const T* x = terms[q].values;
#pragma GCC unroll 4
                for (int k = 0; k < AT_ONCE; k++) sum[k] += c * load_any(x + (v + k * f.period) * LANES<T>);
            }
#pragma GCC unroll 4
            for (int k = 0; k < AT_ONCE; k++) store_any(out + (v + k * f.period) * LANES<T>, sum[k]);
        }
        for (; v <= f.vectors; v += f.period) {
            const int at = v * LANES<T>, some = v < f.vectors ? LANES<T> : f.rest;
            if (!some) break;
            const Vec<T> begin = more ? first + load_some(more + at, some) : first;
            store_some(out + at, flat::sum_at(terms, count, begin, lane, at, some), some);
        }
    }
}

// Terms whose coefficients are laid out in a block of memory of their own.
template <class T> class Terms {
public:
    explicit Terms(const Flat<T>& flat) : flat(flat) {}

    // Add a term of a batch of tensors.
    template <class S> void add(const T* tensor, const S* by_channel) {
        tensors.push_back(tensor);
        const size_t at = laid_out.size();
        laid_out.resize(at + flat.tiled());
        lay_out(flat, by_channel, &laid_out[at]);
    }
    void add(const T* tensor, double coefficient) {
        const std::vector<double> equal(flat.channels, coefficient);
        add(tensor, equal.data());
    }

    bool empty() const { return tensors.empty(); }

    // out = bias + more + the sum over the terms at `offset` in their tensors.
    void sum(size_t offset, const T* bias, const T* more, T* out) const {
        std::vector<Term<T>> terms(tensors.size());
        for (size_t q = 0; q < terms.size(); q++) terms[q] = {tensors[q] + offset, &laid_out[q * flat.tiled()]};
        weighted_sum(flat, terms.data(), int(terms.size()), bias, more, out);
    }

private:
    const Flat<T>& flat;
    std::vector<const T*> tensors;
    std::vector<T> laid_out;
};

namespace flat {

// Add what lies in the lanes to the channel that each belongs to.
template <class T> INLINE void fold(const Flat<T>& f, int phase, Vec<T> lanes, double* out) {
    int channel = phase * LANES<T> % f.channels;
    for (int lane = 0; lane < LANES<T>; lane++) {
        out[channel] += lanes[lane];
        if (++channel == f.channels) channel = 0;
    }
}

template <class T, int COUNT>
void products_of(const Flat<T>& f, const T* const* x, const T* g, double* const* out, double* total) {
    for (int phase = 0; phase < f.period; phase++) {
        Vec<T> sum[COUNT + 1][2] = {}, own[2] = {};
        int v = phase;
        for (; v + f.period < f.vectors; v += 2 * f.period)
#pragma GCC unroll 2
            for (int k = 0; k < 2; k++) {
                const Vec<T> d = load_any(g + (v + k * f.period) * LANES<T>);
                own[k] += d;
#pragma GCC unroll 4
                for (int q = 0; q < COUNT; q++) sum[q][k] += d * load_any(x[q] + (v + k * f.period) * LANES<T>);
            }
        for (; v <= f.vectors; v += f.period) {
            const int some = v < f.vectors ? LANES<T> : f.rest;
            if (!some) break;
            const Vec<T> d = load_some(g + v * LANES<T>, some);
            own[0] += d;
            for (int q = 0; q < COUNT; q++) sum[q][0] += d * load_some(x[q] + v * LANES<T>, some);
        }
        for (int q = 0; q < COUNT; q++) fold(f, phase, sum[q][0] + sum[q][1], out[q]);
        if (total) fold(f, phase, own[0] + own[1], total);
    }
}

}  // namespace flat

// Add to out[q][channel] the sum of g * x[q], and to total[channel] that of g.
template <class T>
void products(const Flat<T>& f, const T* const* x, int count, const T* g, double* const* out, double* total) {
    for (; count >= 4; count -= 4, x += 4, out += 4, total = nullptr) flat::products_of<T, 4>(f, x, g, out, total);
    if (count == 3) flat::products_of<T, 3>(f, x, g, out, total);
    if (count == 2) flat::products_of<T, 2>(f, x, g, out, total);
    if (count == 1) flat::products_of<T, 1>(f, x, g, out, total);
    if (count == 0 && total) flat::products_of<T, 0>(f, x, g, out, total);
}

// Add the sums of x and of its squares to out[channel] and out[channels + channel].
template <class T> void moments(const Flat<T>& f, const T* x, double* out) {
    for (int phase = 0; phase < f.period; phase++) {
        Vec<T> sum[4] = {}, squares[4] = {};
        int v = phase;
        for (; v + 3 * f.period < f.vectors; v += 4 * f.period)
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++) {
                const Vec<T> value = load_any(x + (v + k * f.period) * LANES<T>);
                sum[k] += value;
                squares[k] += value * value;
            }
        for (; v <= f.vectors; v += f.period) {
            const int some = v < f.vectors ? LANES<T> : f.rest;
            if (!some) break;
            const Vec<T> value = load_some(x + v * LANES<T>, some);
            sum[0] += value;
            squares[0] += value * value;
        }
        flat::fold(f, phase, (sum[0] + sum[1]) + (sum[2] + sum[3]), out);
        flat::fold(f, phase, (squares[0] + squares[1]) + (squares[2] + squares[3]), out + f.channels);
    }
}

namespace flat {

// Keeps what is no number, as torch does.
template <class T> INLINE Vec<T> at_least(Vec<T> x, Vec<T> least) { return x < least ? least : x; }

}  // namespace flat

// x, its positive values alone where `rectified`, laid into a grid row by row.
template <class T> void lay_into(const T* x, bool rectified, int height, int row, T* grid, int grid_row) {
    const Vec<T> least = rectified ? zero<T>() : all<T>(-std::numeric_limits<T>::infinity());
    const int whole = row / LANES<T> * LANES<T>;
    for (int y = 0; y < height; y++, x += row, grid += grid_row) {
        for (int v = 0; v < whole; v += LANES<T>) store_any(grid + v, flat::at_least<T>(load_any(x + v), least));
        if (const int some = row - whole)
            store_some(grid + whole, flat::at_least<T>(load_some(x + whole, some), least), some);
    }
}

// Normalisation backward, g and z to c1 * g + c2 * z + c3, laid into a grid row by row; c: three laid out coefficients.
template <class T>
void normalisation_into(const Flat<T>& f, const T* g, const T* z, const T* c, int height, int row, T* grid,
                        int grid_row) {
    const T *c2 = c + f.tiled(), *c3 = c2 + f.tiled();
    const int whole = row / LANES<T> * LANES<T>;
    for (int y = 0; y < height; y++, g += row, z += row, grid += grid_row) {
        int lane = 0;
        for (int v = 0; v < whole; v += LANES<T>) {
            store_any(grid + v, load(c + lane) * load_any(g + v) + load(c2 + lane) * load_any(z + v) + load(c3 + lane));
            if ((lane += LANES<T>) == f.tiled()) lane = 0;
        }
        if (const int some = row - whole)
            store_some(grid + whole, load(c + lane) * load_some(g + whole, some) +
                       load(c2 + lane) * load_some(z + whole, some) + load(c3 + lane), some);
    }
}

// g, where x is positive and 0 elsewhere (x nullptr: everywhere), plus `more` (nullptr: nothing).
template <class T> void relu_backward(const Flat<T>& f, const T* x, const T* g, const T* more, T* out) {
    for (int v = 0; v < f.values; v += LANES<T>) {
        const int some = v + LANES<T> <= f.values ? LANES<T> : f.rest;
        Vec<T> d = load_some(g + v, some);
        if (x) d = load_some(x + v, some) <= zero<T>() ? zero<T>() : d;
        if (more) d += load_some(more + v, some);
        store_some(out + v, d, some);
    }
}

}  // namespace darts::dense
