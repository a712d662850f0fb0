// Sums of many maps with a coefficient a channel, and the reductions that their gradients need. Maps of one image,
// [blocks][pixels][LANES]; coefficients [blocks · LANES].
#pragma once
#include "layout.h"

namespace darts {

template <class T> struct Scaled {
    const T* map;
    const T* coefficients;
};

template <class T, int N>
INLINE void sum_tile(const Scaled<T>* terms, int count, Vec<T> begin, long offset, int channel, T* y) {
    constexpr int V = LANES<T>;
    Vec<T> sum[N];
    for (int k = 0; k < N; k++) sum[k] = begin;
    for (int t = 0; t < count; t++) {
        const Vec<T> c = load(terms[t].coefficients + channel);
        const T* x = terms[t].map + offset;
#pragma GCC unroll 16
        for (int k = 0; k < N; k++) sum[k] += c * load(x + k * V);
    }
    for (int k = 0; k < N; k++) store(y + k * V, sum[k]);
}

// `pixels` of a block: y [pixels][LANES] = constant + Σ coefficients · map, the maps from Ts `offset` on. `channel`: its
// first one. constant [blocks · LANES], null: 0.
template <class T>
void sum_block(const Scaled<T>* terms, int count, const T* constant, long offset, long pixels, int channel, T* y) {
    constexpr int V = LANES<T>, N = ACCUMULATORS;
    const Vec<T> begin = constant ? load(constant + channel) : zero<T>();
    long p = 0;
    for (; p + N <= pixels; p += N) sum_tile<T, N>(terms, count, begin, offset + p * V, channel, y + p * V);
    for (; p < pixels; p++) sum_tile<T, 1>(terms, count, begin, offset + p * V, channel, y + p * V);
}

template <class T>
void sum_maps(const Scaled<T>* terms, int count, const T* constant, long pixels, int blocks, T* y) {
    for (int block = 0; block < blocks; block++) {
        const long offset = block * pixels * LANES<T>;
        sum_block(terms, count, constant, offset, pixels, block * LANES<T>, y + offset);
    }
}

constexpr long FEW = 256;  // pixels that are added up in T before they are in double

// sums [blocks · LANES] += Σ over pixels a · b, or of a alone where b is null.
template <class T> void add_products(const T* a, const T* b, long pixels, int blocks, double* sums) {
    constexpr int V = LANES<T>, N = 4;
    for (int block = 0; block < blocks; block++, sums += V)
        for (long left = pixels; left > 0;) {
            const long count = left < FEW ? left : FEW;
            Vec<T> sum[N] = {};
            long p = 0;
            for (; p + N <= count; p += N)
                for (int k = 0; k < N; k++)
                    sum[k] += b ? load(a + (p + k) * V) * load(b + (p + k) * V) : load(a + (p + k) * V);
            for (; p < count; p++) sum[0] += b ? load(a + p * V) * load(b + p * V) : load(a + p * V);
            const Vec<T> total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
            for (int lane = 0; lane < V; lane++) sums[lane] += total[lane];
            a += count * V;
            b = b ? b + count * V : b;
            left -= count;
        }
}

// moments [2][blocks · LANES] += sums over pixels of x and of its squares.
template <class T> void add_moments(const T* x, long pixels, int blocks, double* moments) {
    add_products<T>(x, nullptr, pixels, blocks, moments);
    add_products<T>(x, x, pixels, blocks, moments + blocks * LANES<T>);
}

}  // namespace darts
