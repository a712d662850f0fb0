// Dense convolutions of few channels on small maps, channels last: register tiles of several target positions and
// several vectors of target values, each source value broadcast. See dense_table.h for how they are cut.
#pragma once
#include "dense_table.h"

namespace darts::dense {

// `vectors` x `positions` sums over all values of all runs, held in registers.
template <class T, int VECTORS, int POSITIONS>
INLINE void tile(const T* source, const int* from, const Program& p, const T* weights, T* const* results,
                       const int* into, bool add) {
    Vec<T> sum[POSITIONS][VECTORS];
    const T* at[POSITIONS];
#pragma GCC unroll 8
    for (int k = 0; k < POSITIONS; k++) {
        at[k] = source + from[k];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) sum[k][v] = add ? load_any(results[v] + into[k]) : Vec<T>{};
    }
    // One vector alone is added to in two sums by turns, so that one addition need not wait for the other.
    constexpr bool TWICE = VECTORS == 1 && MANY_REGISTERS;
    Vec<T> other[POSITIONS] = {};
    for (const Run& run : p.runs) {
        ptrdiff_t i = run.offset;
        const ptrdiff_t end = i + run.count;
        if (TWICE)
            for (; i + 1 < end; i += 2, weights += 2 * LANES<T>) {
                const Vec<T> w0 = load(weights), w1 = load(weights + LANES<T>);
#pragma GCC unroll 8
                for (int k = 0; k < POSITIONS; k++) sum[k][0] += w0 * at[k][i];
#pragma GCC unroll 8
                for (int k = 0; k < POSITIONS; k++) other[k] += w1 * at[k][i + 1];
            }
        for (; i < end; i++, weights += VECTORS * LANES<T>) {
            Vec<T> w[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) w[v] = load(weights + v * LANES<T>);
#pragma GCC unroll 8
            for (int k = 0; k < POSITIONS; k++)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) sum[k][v] += w[v] * at[k][i];
        }
    }
    if (TWICE)
#pragma GCC unroll 8
        for (int k = 0; k < POSITIONS; k++) sum[k][0] += other[k];
#pragma GCC unroll 8
    for (int k = 0; k < POSITIONS; k++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) store_any(results[v] + into[k], sum[k][v]);
}

template <class T, int VECTORS>
void program(const DenseTable<T>& table, const Program& p, const T* source, const T* packed, T* const* targets,
                   bool add) {
    constexpr int TILE = positions_of(VECTORS);
    const std::vector<int>&from = table.from[p.phase], &into = table.into[p.phase];
    const int positions = int(from.size());
    T* results[VECTORS];
    for (int v = 0; v < VECTORS; v++) results[v] = targets[p.members[v].convolution] + p.members[v].block * LANES<T>;
    int k = 0;
    for (; k + TILE <= positions; k += TILE)
        tile<T, VECTORS, TILE>(source, &from[k], p, packed + p.at, results, &into[k], add);
    for (; k < positions; k++) tile<T, VECTORS, 1>(source, &from[k], p, packed + p.at, results, &into[k], add);
}

// The results of one image, in rows of `table.result_row()`. Forward a target a convolution from one source; backward
// one target from the sources of all convolutions.
//
// packed: see `DenseTable::pack`, aligned. add: to what lies in the targets.
template <class T>
void convolve(const DenseTable<T>& table, const T* source, const T* packed, T* const* targets, bool add = false) {
    for (const Program& p : table.programs) switch (p.members.size()) {
            case 1: program<T, 1>(table, p, source, packed, targets, add); break;
            case 2: program<T, 2>(table, p, source, packed, targets, add); break;
            default: program<T, 3>(table, p, source, packed, targets, add); break;
        }
}

// Results whose groups do not fill their rows, as pixels one behind the other, or added to such.
template <class T> void close_rows(const DenseTable<T>& table, const T* results, T* out, bool add = false) {
    const Grid& target = table.target;
    const int lanes = table.grouping.lanes(), values = table.grouping.pixels * target.channels;
    for (int y = 0; y < target.height; y++, results += table.result_row())
        for (int group = 0, left = target.width * target.channels; group < table.grouping.groups; group++) {
            const int some = std::min(values, left);
            for (int v = 0; v < some; v++) out[v] = results[group * lanes + v] + (add ? out[v] : T(0));
            out += some;
            left -= some;
        }
}

// Weight gradients: VALUES source values x VECTORS vectors of output gradients, summed over all positions.
template <class T, int VECTORS, int VALUES>
INLINE void weights_tile(const DenseTable<T>& table, int phase, const T* source, const T* const* gradients,
                               T* out, int values) {
    Vec<T> sum[VALUES][VECTORS] = {};
    const int step = table.source_step(), lanes = table.grouping.pixels * table.target.channels;
    for (int y = phase; y < table.target.height; y += table.phases()) {
        const T* s = source + table.source_row(y);
        ptrdiff_t g = y * table.target.row();
        for (int group = 0; group < table.grouping.groups; group++, s += step, g += lanes) {
            Vec<T> d[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) d[v] = load_any(gradients[v] + g);
#pragma GCC unroll 8
            for (int i = 0; i < VALUES; i++)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) sum[i][v] += d[v] * s[i];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < VALUES; i++)
        if (i < values)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                T* o = out + (i * VECTORS + v) * LANES<T>;
                store(o, load(o) + sum[i][v]);
            }
}

template <class T, int VECTORS>
void weights_program(const DenseTable<T>& table, const Program& p, const T* source, const T* gradients,
                           T* packed) {
    constexpr int TILE = positions_of(VECTORS);
    const T* targets[VECTORS];
    for (int v = 0; v < VECTORS; v++)
        targets[v] = gradients + p.members[v].convolution * table.target.size() + table.target.origin() +
                 p.members[v].block * LANES<T>;
    T* out = packed + p.at;
    for (const Run& run : p.runs)
        for (int i = 0; i < run.count; i += TILE) {  // the last tile reads past its run, into what lies behind
            const int values = std::min(TILE, run.count - i);
            weights_tile<T, VECTORS, TILE>(table, p.phase, source + run.offset + i, targets, out, values);
            out += size_t(values) * VECTORS * LANES<T>;
        }
}

// Add one image's gradients of the packed weights of a forward table.
//
// gradients: of the outputs, a `target` grid a convolution, `target.size()` apart. Source and gradients need
// `SLACK` values behind them.
template <class T>
void convolve_weights(const DenseTable<T>& table, const T* source, const T* gradients, T* packed) {
    for (const Program& p : table.programs) switch (p.members.size()) {
            case 1: weights_program<T, 1>(table, p, source, gradients, packed); break;
            case 2: weights_program<T, 2>(table, p, source, gradients, packed); break;
            default: weights_program<T, 3>(table, p, source, gradients, packed); break;
        }
}

}  // namespace darts::dense
