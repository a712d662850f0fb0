// Convolutions 1x1: the products of the channels of every pixel with a matrix, and the gradient of that matrix.
#pragma once
#include "layout.h"

namespace darts {

// x [in_blocks][x_step · LANES], of which `pixels` beside each other are taken; matrix [in_blocks · LANES][out_blocks ·
// LANES]; y [out_blocks][y_step · LANES].
template <class T> struct Product {
    const T* x;
    long x_step;
    int in_blocks;
    const T* matrix;
    T* y;
    long y_step;
    int out_blocks;
};

// sums: of the products and of their squares, for OUT blocks.
template <class T, int N, int OUT>
INLINE void multiply_tile(const Product<T>& p, long pixel, int out, Vec<T> (*sums)[2]) {
    constexpr int V = LANES<T>;
    Vec<T> sum[N][OUT] = {};
    const long row = (long)p.out_blocks * V;
    const T* m = p.matrix + out * V;
    for (int in = 0; in < p.in_blocks; in++) {
        const T* x = p.x + (in * p.x_step + pixel) * V;
#pragma GCC unroll 4
        for (int lane = 0; lane < V; lane++, m += row) {
            Vec<T> w[OUT];
            for (int o = 0; o < OUT; o++) w[o] = load(m + o * V);
#pragma GCC unroll 16
            for (int k = 0; k < N; k++)
                for (int o = 0; o < OUT; o++) sum[k][o] += w[o] * x[k * V + lane];
        }
    }
    for (int o = 0; o < OUT; o++)
        for (int k = 0; k < N; k++) {
            store(p.y + ((out + o) * p.y_step + pixel + k) * V, sum[k][o]);
            if (sums) {
                sums[o][0] += sum[k][o];
                sums[o][1] += sum[k][o] * sum[k][o];
            }
        }
}

template <class T, int OUT> INLINE void multiply_blocks(const Product<T>& p, long pixels, int out, double* moments) {
    constexpr int V = LANES<T>, N = ACCUMULATORS / OUT;
    Vec<T> sums[OUT][2] = {};
    long pixel = 0;
    for (; pixel + N <= pixels; pixel += N) multiply_tile<T, N, OUT>(p, pixel, out, moments ? sums : nullptr);
    for (; pixel + 2 <= pixels; pixel += 2) multiply_tile<T, 2, OUT>(p, pixel, out, moments ? sums : nullptr);
    for (; pixel < pixels; pixel++) multiply_tile<T, 1, OUT>(p, pixel, out, moments ? sums : nullptr);
    if (!moments) return;
    for (int o = 0; o < OUT; o++)
        for (int lane = 0; lane < V; lane++) {
            moments[(out + o) * V + lane] += sums[o][0][lane];
            moments[(p.out_blocks + out + o) * V + lane] += sums[o][1][lane];
        }
}

// y = x · matrix for every pixel. moments [2][out_blocks · LANES], may be null: sums of y and of its squares are added.
// In float those are of the pixels of one call, so that calls should be of few.
template <class T> void multiply(const Product<T>& p, long pixels, double* moments) {
    int out = 0;
    for (; out + 2 <= p.out_blocks; out += 2) multiply_blocks<T, 2>(p, pixels, out, moments);
    if (out < p.out_blocks) multiply_blocks<T, 1>(p, pixels, out, moments);
}

// The rows o to o + ROWS of `multiply_weights` and IN of its blocks.
template <class T, int ROWS, int IN>
INLINE void outer_tile(const T* g, const T* x, long x_step, long pixels, T* to, long row) {
    constexpr int V = LANES<T>;
    Vec<T> sum[ROWS][IN];
    for (int o = 0; o < ROWS; o++)
        for (int i = 0; i < IN; i++) sum[o][i] = load(to + o * row + i * V);
    for (long p = 0; p < pixels; p++) {
        Vec<T> v[IN];
        for (int i = 0; i < IN; i++) v[i] = load(x + (i * x_step + p) * V);
#pragma GCC unroll 16
        for (int o = 0; o < ROWS; o++)
            for (int i = 0; i < IN; i++) sum[o][i] += v[i] * g[p * V + o];
    }
    for (int o = 0; o < ROWS; o++)
        for (int i = 0; i < IN; i++) store(to + o * row + i * V, sum[o][i]);
}

template <class T, int IN>
INLINE void outer_blocks(const T* g, long g_step, int out_blocks, const T* x, long x_step, long pixels, T* to,
                         long row) {
    constexpr int V = LANES<T>, MANY = ACCUMULATORS / IN, ROWS = MANY < V ? MANY : V;
    for (int out = 0; out < out_blocks; out++)
        for (int lane = 0; lane < V; lane += ROWS)
            outer_tile<T, ROWS, IN>(g + out * g_step * V + lane, x, x_step, pixels, to + (out * V + lane) * row, row);
}

// to [out_blocks · LANES][in_blocks · LANES] += Σ over pixels g[o] · x[i]. g [out_blocks][g_step · LANES].
template <class T>
void multiply_weights(const T* g, long g_step, int out_blocks, const T* x, long x_step, int in_blocks, long pixels,
                      T* to) {
    constexpr int V = LANES<T>;
    const long row = (long)in_blocks * V;
    int in = 0;
    for (; in + 2 <= in_blocks; in += 2)
        outer_blocks<T, 2>(g, g_step, out_blocks, x + in * x_step * V, x_step, pixels, to + in * V, row);
    if (in < in_blocks)
        outer_blocks<T, 1>(g, g_step, out_blocks, x + in * x_step * V, x_step, pixels, to + in * V, row);
}

}  // namespace darts
