// Depthwise convolutions: a vector holds LANES channels of a pixel, a tile of pixels beside each other shares the taps.
// Any odd kernel, dilation 1 or 2, stride 1 or 2.
#pragma once
#include "layout.h"

namespace darts {

struct Kernel {
    int size, dilation, stride;
    int pad() const { return dilation * (size - 1) / 2; }
    int taps() const { return size * size; }
};

// Where the pixels and the taps of a convolution lie, in Ts from one row, or column, of taps to the next.
struct Steps {
    int rows, columns;  // of taps
    long x_row, x_column, tap_row, tap_column;
};

template <class T, int N, int X_STEP, int Y_STEP, bool ADD>
INLINE void convolve_tile(const T* x, const T* taps, T* y, const Steps& s) {
    constexpr int V = LANES<T>;
    Vec<T> sum[N];
    for (int k = 0; k < N; k++) sum[k] = ADD ? load(y + k * Y_STEP * V) : zero<T>();
    for (int u = 0; u < s.rows; u++) {
        const T *xs = x + u * s.x_row, *ws = taps + u * s.tap_row;
        for (int v = 0; v < s.columns; v++, xs += s.x_column, ws += s.tap_column) {
            const Vec<T> w = load(ws);
#pragma GCC unroll 16
            for (int k = 0; k < N; k++) sum[k] += w * load(xs + k * X_STEP * V);
        }
    }
    for (int k = 0; k < N; k++) store(y + k * Y_STEP * V, sum[k]);
}

// `count` pixels beside each other.
template <class T, int X_STEP, int Y_STEP, bool ADD>
INLINE void convolve_row(const T* x, const T* taps, T* y, int count, const Steps& s) {
    constexpr int V = LANES<T>, N = ACCUMULATORS;
    int j = 0;
    for (; j + N <= count; j += N)
        convolve_tile<T, N, X_STEP, Y_STEP, ADD>(x + (long)j * X_STEP * V, taps, y + (long)j * Y_STEP * V, s);
    if (N > 8 && count - j >= 8) {
        convolve_tile<T, 8, X_STEP, Y_STEP, ADD>(x + (long)j * X_STEP * V, taps, y + (long)j * Y_STEP * V, s);
        j += 8;
    }
    if (count - j >= 4) {
        convolve_tile<T, 4, X_STEP, Y_STEP, ADD>(x + (long)j * X_STEP * V, taps, y + (long)j * Y_STEP * V, s);
        j += 4;
    }
    for (; j < count; j++)
        convolve_tile<T, 1, X_STEP, Y_STEP, ADD>(x + (long)j * X_STEP * V, taps, y + (long)j * Y_STEP * V, s);
}

// Rows `begin` to `end` of the convolution of a block. taps [k · k][LANES]; y [rows][width][LANES].
template <class T>
void convolve(const Padded<T>& x, int block, const T* taps, Kernel kernel, T* y, int width, int begin, int end) {
    constexpr int V = LANES<T>;
    const int k = kernel.size, d = kernel.dilation, p = kernel.pad();
    const Steps steps = {k, k, (long)d * x.pitch() * V, (long)d * V, (long)k * V, V};
    for (int i = begin; i < end; i++, y += (long)width * V) {
        const T* from = x.at(block, i * kernel.stride - p, -p);
        if (kernel.stride == 1)
            convolve_row<T, 1, 1, false>(from, taps, y, width, steps);
        else
            convolve_row<T, 2, 1, false>(from, taps, y, width, steps);
    }
}

// How many pixels r from `first` on in steps of 2 lie below `length`.
inline int every_second(int first, int length) { return first < length ? (length - first + 1) / 2 : 0; }

// gx += the gradient of a block's input, or gx = it if this is the `first` one of stride 1. g: of the output, padded by
// kernel.pad() or more with zeros; gx is of the padded input's size, of which only the map's own pixels are written.
template <class T>
void convolve_back(const Padded<T>& g, int block, const T* taps, Kernel kernel, const Padded<T>& gx, bool first) {
    constexpr int V = LANES<T>;
    const int k = kernel.size, d = kernel.dilation, p = kernel.pad();
    const long row = (long)g.pitch() * V;
    if (kernel.stride == 1) {  // output row r + p - d u has input row r under tap u
        const Steps steps = {k, k, -d * row, -(long)d * V, (long)k * V, V};
        for (int r = 0; r < gx.size.height; r++)
            if (first)
                convolve_row<T, 1, 1, false>(g.at(block, r + p, p), taps, gx.at(block, r, 0), gx.size.width, steps);
            else
                convolve_row<T, 1, 1, true>(g.at(block, r + p, p), taps, gx.at(block, r, 0), gx.size.width, steps);
        return;
    }
    // Of stride 2, output row i has input row r under tap u if 2 i + d u = r + p: for the rows r of a parity the taps
    // u = first, first + step, ..., for which i falls by `fall`.
    const int step = d % 2 ? 2 : 1, fall = d % 2 ? d : d / 2;
    for (int first_u = 0; first_u < step; first_u++)
        for (int first_v = 0; first_v < step; first_v++) {
            const int r0 = (p + d * first_u) % 2, c0 = (p + d * first_v) % 2, width = every_second(c0, gx.size.width);
            const Steps steps = {(k - first_u + step - 1) / step, (k - first_v + step - 1) / step, -fall * row,
                                 -(long)fall * V, (long)step * k * V, (long)step * V};
            const T* from = taps + ((long)first_u * k + first_v) * V;
            for (int r = r0; r < gx.size.height; r += 2) {
                const T* x = g.at(block, (r + p - d * first_u) / 2, (c0 + p - d * first_v) / 2);
                convolve_row<T, 1, 2, true>(x, from, gx.at(block, r, c0), width, steps);
            }
        }
}

// gw[v] += Σ x[pixel + v · dilation] · g[pixel] for GROUP taps v of a row, over all rows of the output.
template <class T, int GROUP, int S, int D>
void tap_gradients(const Padded<T>& x, const Padded<T>& g, int block, int row, int column, T* gw) {
    constexpr int V = LANES<T>, MANY = (ACCUMULATORS + 4) / GROUP, N = MANY < 1 ? 1 : MANY > 4 ? 4 : MANY;
    Vec<T> sum[N][GROUP] = {};
    for (int i = 0; i < g.size.height; i++) {
        const T *gs = g.at(block, i, 0), *xs = x.at(block, i * S + row, column);
        int j = 0;
        for (; j + N <= g.size.width; j += N, gs += N * V, xs += N * S * V)
#pragma GCC unroll 4
            for (int k = 0; k < N; k++) {
                const Vec<T> q = load(gs + k * V);
#pragma GCC unroll 5
                for (int v = 0; v < GROUP; v++) sum[k][v] += q * load(xs + (k * S + v * D) * V);
            }
        for (; j < g.size.width; j++, gs += V, xs += S * V)
            for (int v = 0; v < GROUP; v++) sum[0][v] += load(gs) * load(xs + v * D * V);
    }
    for (int v = 0; v < GROUP; v++) {
        Vec<T> total = sum[0][v];
        for (int k = 1; k < N; k++) total += sum[k][v];
        store(gw + v * V, load(gw + v * V) + total);
    }
}

template <class T, int S, int D>
void all_tap_gradients(const Padded<T>& x, const Padded<T>& g, int block, Kernel kernel, T* gw) {
    const int k = kernel.size, p = kernel.pad();
    for (int u = 0; u < k; u++)
        for (int v = 0; v < k;) {
            const int row = u * D - p, column = v * D - p;
            T* to = gw + ((long)u * k + v) * LANES<T>;
            if (k - v == 3 || k - v > 5) {
                tap_gradients<T, 3, S, D>(x, g, block, row, column, to);
                v += 3;
            } else if (k - v == 5) {
                tap_gradients<T, 5, S, D>(x, g, block, row, column, to);
                v += 5;
            } else {
                tap_gradients<T, 1, S, D>(x, g, block, row, column, to);
                v += 1;
            }
        }
}

// gw [k · k][LANES] += the gradient of a block's taps. x: the padded input; g: of the output.
template <class T>
void convolve_weights(const Padded<T>& x, const Padded<T>& g, int block, Kernel kernel, T* gw) {
    if (kernel.stride == 1 && kernel.dilation == 1) return all_tap_gradients<T, 1, 1>(x, g, block, kernel, gw);
    if (kernel.stride == 1) return all_tap_gradients<T, 1, 2>(x, g, block, kernel, gw);
    if (kernel.dilation == 1) return all_tap_gradients<T, 2, 1>(x, g, block, kernel, gw);
    return all_tap_gradients<T, 2, 2>(x, g, block, kernel, gw);
}

}  // namespace darts
