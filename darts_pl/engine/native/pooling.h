// 3x3 pooling with a padding of 1 and stride 1 or 2, the average over the pixels that are there. x [pixels][LANES] of a
// block, y likewise.
#pragma once
#include "layout.h"

namespace darts {

typedef uint8_t Place;  // which of the nine pixels was the largest

template <class T> INLINE void store_places(Place* to, Mask<T> places) {
    typedef Place Narrow __attribute__((vector_size(VECTOR_BYTES / sizeof(T))));
    const Narrow narrow = __builtin_convertvector(places, Narrow);
    memcpy(to, &narrow, sizeof narrow);
}

template <class T> INLINE Mask<T> load_places(const Place* from) {
    typedef Place Narrow __attribute__((vector_size(VECTOR_BYTES / sizeof(T))));
    Narrow narrow;
    memcpy(&narrow, from, sizeof narrow);
    return __builtin_convertvector(narrow, Mask<T>);
}

// The rows, or columns, of a window of output i that lie in the map: first <= tap < last.
struct Window {
    int from, first, last;
    Window(int i, int stride, int length)
        : from(i * stride - 1), first(from < 0 ? 1 : 0), last(from + 3 > length ? length - from : 3) {}
};

// The first of equal pixels counts, and any that is no number, as torch has it.
template <class T> void max_pool(const T* x, Size in, T* y, Place* places, Size out, int stride) {
    constexpr int V = LANES<T>;
    typedef typename VectorOf<T>::mask M;
    for (int i = 0; i < out.height; i++) {
        const Window rows(i, stride, in.height);
        for (int j = 0; j < out.width; j++, y += V, places += V) {
            const Window columns(j, stride, in.width);
            const T* corner = x + ((long)rows.from * in.width + columns.from) * V;
            const int begin = rows.first * 3 + columns.first;
            Vec<T> best = load(corner + ((long)rows.first * in.width + columns.first) * V);
            M place = M{} + begin;
            for (int u = rows.first; u < rows.last; u++)
                for (int v = columns.first; v < columns.last; v++) {
                    const Vec<T> value = load(corner + ((long)u * in.width + v) * V);
                    const M better = (value > best) | (value != value);
                    best = better ? value : best;
                    place = better ? M{} + (u * 3 + v) : place;
                }
            store(y, best);
            store_places<T>(places, place);
        }
    }
}

// gx += the gradient of the input of `max_pool`.
template <class T> void max_pool_back(const T* g, const Place* places, Size out, int stride, T* gx, Size in) {
    constexpr int V = LANES<T>;
    typedef typename VectorOf<T>::mask M;
    for (int i = 0; i < out.height; i++) {
        const Window rows(i, stride, in.height);
        for (int j = 0; j < out.width; j++, g += V, places += V) {
            const Window columns(j, stride, in.width);
            const Vec<T> value = load(g);
            const M place = load_places<T>(places);
            for (int u = rows.first; u < rows.last; u++)
                for (int v = columns.first; v < columns.last; v++) {
                    T* to = gx + ((long)(rows.from + u) * in.width + columns.from + v) * V;
                    store(to, load(to) + (place == M{} + (u * 3 + v) ? value : zero<T>()));
                }
        }
    }
}

template <class T> void average_pool(const T* x, Size in, T* y, Size out, int stride) {
    constexpr int V = LANES<T>;
    for (int i = 0; i < out.height; i++) {
        const Window rows(i, stride, in.height);
        for (int j = 0; j < out.width; j++, y += V) {
            const Window columns(j, stride, in.width);
            Vec<T> sum = {};
            for (int u = rows.first; u < rows.last; u++)
                for (int v = columns.first; v < columns.last; v++)
                    sum += load(x + ((long)(rows.from + u) * in.width + columns.from + v) * V);
            store(y, sum * (T(1) / ((rows.last - rows.first) * (columns.last - columns.first))));
        }
    }
}

// gx += the gradient of the input of `average_pool`.
template <class T> void average_pool_back(const T* g, Size out, int stride, T* gx, Size in) {
    constexpr int V = LANES<T>;
    for (int i = 0; i < out.height; i++) {
        const Window rows(i, stride, in.height);
        for (int j = 0; j < out.width; j++, g += V) {
            const Window columns(j, stride, in.width);
            const Vec<T> value = load(g) * (T(1) / ((rows.last - rows.first) * (columns.last - columns.first)));
            for (int u = rows.first; u < rows.last; u++)
                for (int v = columns.first; v < columns.last; v++) {
                    T* to = gx + ((long)(rows.from + u) * in.width + columns.from + v) * V;
                    store(to, load(to) + value);
                }
        }
    }
}

}  // namespace darts
