// Vectors of the compiler's own extension (GCC, clang), of VECTOR_BYTES bytes: 64 for AVX-512, 32 for AVX2, 16 for
// what every processor has (SSE2, NEON). All kernels are templates over T, float or double.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif
#define INLINE inline __attribute__((always_inline))

namespace darts {

template <class T> struct VectorOf;
template <> struct VectorOf<float> {
    typedef float type __attribute__((vector_size(VECTOR_BYTES)));
    typedef int32_t mask __attribute__((vector_size(VECTOR_BYTES)));
};
template <> struct VectorOf<double> {
    typedef double type __attribute__((vector_size(VECTOR_BYTES)));
    typedef int64_t mask __attribute__((vector_size(VECTOR_BYTES)));
};
template <class T> using Vec = typename VectorOf<T>::type;
template <class T> using Mask = typename VectorOf<T>::mask;  // lanes of all ones or zeros, what a comparison gives

template <class T> constexpr int LANES = VECTOR_BYTES / sizeof(T);

// Register blocking: accumulators of VECTOR_BYTES that a loop may hold, beside what it loads. Enough of them hide the
// latency of a multiplication and addition; more than the registers there are would be spilled.
#if VECTOR_BYTES == 64 || defined(__aarch64__)
constexpr int ACCUMULATORS = 16;  // of 32 registers
#else
constexpr int ACCUMULATORS = 8;  // of 16 registers
#endif

constexpr size_t ALIGNMENT = 64;  // of every buffer and of every image in it, in bytes

constexpr size_t aligned(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

// A vector at an address that is a multiple of VECTOR_BYTES.
template <class T> INLINE Vec<T> load(const T* p) { return *reinterpret_cast<const Vec<T>*>(p); }
template <class T> INLINE void store(T* p, Vec<T> v) { *reinterpret_cast<Vec<T>*>(p) = v; }

// A vector at any address of a T.
template <class T> INLINE Vec<T> load_any(const T* p) {
    Vec<T> v;
    memcpy(&v, p, sizeof v);
    return v;
}
template <class T> INLINE void store_any(T* p, Vec<T> v) { memcpy(p, &v, sizeof v); }

template <class T> INLINE Vec<T> all(T value) { return Vec<T>{} + value; }
template <class T> INLINE Vec<T> zero() { return Vec<T>{}; }
// What is no number stays none, as in torch, so that a search that diverges is noticed.
template <class T> INLINE Vec<T> relu(Vec<T> x) { return x < zero<T>() ? zero<T>() : x; }
// The gradient g where ReLU let x through.
template <class T> INLINE Vec<T> passed(Vec<T> g, Vec<T> x) { return x <= zero<T>() ? zero<T>() : g; }
template <class T> INLINE Vec<T> select(Mask<T> where, Vec<T> a, Vec<T> b) { return where ? a : b; }

// The first `count` lanes, 1 to LANES; the others are zero, and nothing behind them is touched. For the last block of
// channels.
template <class T> INLINE Vec<T> load_some(const T* p, int count) {
    if (count == LANES<T>) return load_any(p);
    Vec<T> v = {};
    for (int lane = 0; lane < count; lane++) v[lane] = p[lane];
    return v;
}
template <class T> INLINE void store_some(T* p, Vec<T> v, int count) {
    if (count == LANES<T>) return store_any(p, v);
    for (int lane = 0; lane < count; lane++) p[lane] = v[lane];
}

#if VECTOR_BYTES == 64 && defined(__AVX512F__)
template <> INLINE Vec<float> load_some(const float* p, int count) {
    return (Vec<float>)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}
template <> INLINE void store_some(float* p, Vec<float> v, int count) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
}
#endif

// A block of memory of the number of Ts asked for, aligned, from `place`, which moves behind it.
template <class T> INLINE T* take(char*& place, size_t count) {
    T* found = reinterpret_cast<T*>(place);
    place += aligned(count * sizeof(T));
    return found;
}

}  // namespace darts
