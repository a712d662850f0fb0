// Vectors of a register, by the extensions that gcc and clang share. BYTES: 64 AVX-512, 32 AVX2, 16 others.
#pragma once
#include <cstddef>
#include <cstring>

#ifndef BYTES
#define BYTES 16
#endif

namespace darts {

template <class T> struct VectorOf;
template <> struct VectorOf<float> { typedef float type __attribute__((vector_size(BYTES))); typedef float loose __attribute__((vector_size(BYTES), aligned(4), may_alias)); };
template <> struct VectorOf<double> { typedef double type __attribute__((vector_size(BYTES))); typedef double loose __attribute__((vector_size(BYTES), aligned(8), may_alias)); };
template <class T> using Vec = typename VectorOf<T>::type;
template <class T> constexpr int WIDTH = BYTES / int(sizeof(T));

template <class T> inline Vec<T> load(const T* p) { return *(const typename VectorOf<T>::loose*)p; }
template <class T> inline void store(T* p, Vec<T> v) { *(typename VectorOf<T>::loose*)p = v; }
template <class T> inline Vec<T> load_some(const T* p, int n) { Vec<T> v = {}; memcpy(&v, p, n * sizeof(T)); return v; }
template <class T> inline void store_some(T* p, Vec<T> v, int n) { memcpy(p, &v, n * sizeof(T)); }

}  // namespace darts
