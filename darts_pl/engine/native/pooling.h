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

#if VECTOR_BYTES == 32 && defined(__AVX2__)
template <> INLINE void store_places<float>(Place* to, Mask<float> places) {
    const __m256i wide = (__m256i)places;
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    _mm_storel_epi64((__m128i*)to, _mm_packus_epi16(words, words));
}
#endif

template <class T> INLINE Mask<T> load_places(const Place* from) {
    typedef Place Narrow __attribute__((vector_size(VECTOR_BYTES / sizeof(T))));
    Narrow narrow;
    memcpy(&narrow, from, sizeof narrow);
    return __builtin_convertvector(narrow, Mask<T>);
}

// The rows, or columns, of the window of output i that lie in the map: first <= tap < last.
struct Window {
    int from, first, last;
    Window(int i, int stride, int length)
        : from(i * stride - 1), first(from < 0 ? 1 : 0), last(from + 3 > length ? length - from : 3) {}
    bool is_whole() const { return first == 0 && last == 3; }
    int count() const { return last - first; }
};

// body(u, v, offset of the pixel) for every pixel of a window that lies in a map of this width. Most windows are whole,
// and then the loops are unrolled.
template <class T, class F> INLINE void for_window(Window rows, Window columns, int width, F&& body) {
    const long corner = ((long)rows.from * width + columns.from) * LANES<T>, row = (long)width * LANES<T>;
    if (rows.is_whole() && columns.is_whole()) {
#pragma GCC unroll 3
        for (int u = 0; u < 3; u++)
#pragma GCC unroll 3
            for (int v = 0; v < 3; v++) body(u, v, corner + u * row + v * LANES<T>);
        return;
    }
    for (int u = rows.first; u < rows.last; u++)
        for (int v = columns.first; v < columns.last; v++) body(u, v, corner + u * row + v * LANES<T>);
}

// body(rows, columns, offset of the pixel) for every pixel of the output.
template <class T, class F> INLINE void for_windows(Size in, Size out, int stride, F&& body) {
    long offset = 0;
    for (int i = 0; i < out.height; i++)
        for (int j = 0; j < out.width; j++, offset += LANES<T>)
            body(Window(i, stride, in.height), Window(j, stride, in.width), offset);
}

// The first of equal pixels counts, and any that is no number, as torch has it.
template <class T> void max_pool(const T* x, Size in, T* y, Place* places, Size out, int stride) {
    typedef typename VectorOf<T>::mask M;
    for_windows<T>(in, out, stride, [&](Window rows, Window columns, long offset) {
        const long first = (long)(rows.from + rows.first) * in.width + columns.from + columns.first;
        Vec<T> best = load(x + first * LANES<T>);
        M place = M{} + (rows.first * 3 + columns.first);
        for_window<T>(rows, columns, in.width, [&](int u, int v, long at) {
            const Vec<T> value = load(x + at);
            const M better = (value > best) | (value != value);
            best = better ? value : best;
            place = better ? M{} + (u * 3 + v) : place;
        });
        store(y + offset, best);
        store_places<T>(places + offset, place);
    });
}

// gx += the gradient of the input of `max_pool`.
template <class T> void max_pool_back(const T* g, const Place* places, Size out, int stride, T* gx, Size in) {
    typedef typename VectorOf<T>::mask M;
    for_windows<T>(in, out, stride, [&](Window rows, Window columns, long offset) {
        const Vec<T> value = load(g + offset);
        const M place = load_places<T>(places + offset);
        for_window<T>(rows, columns, in.width, [&](int u, int v, long at) {
            store(gx + at, load(gx + at) + (place == M{} + (u * 3 + v) ? value : zero<T>()));
        });
    });
}

template <class T> void average_pool(const T* x, Size in, T* y, Size out, int stride) {
    for_windows<T>(in, out, stride, [&](Window rows, Window columns, long offset) {
        Vec<T> sum = {};
        for_window<T>(rows, columns, in.width, [&](int, int, long at) { sum += load(x + at); });
        store(y + offset, sum * (T(1) / (rows.count() * columns.count())));
    });
}

// gx += the gradient of the input of `average_pool`.
template <class T> void average_pool_back(const T* g, Size out, int stride, T* gx, Size in) {
    for_windows<T>(in, out, stride, [&](Window rows, Window columns, long offset) {
        const Vec<T> value = load(g + offset) * (T(1) / (rows.count() * columns.count()));
        for_window<T>(rows, columns, in.width, [&](int, int, long at) { store(gx + at, load(gx + at) + value); });
    });
}

}  // namespace darts
