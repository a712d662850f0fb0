// How maps lie in memory inside the engine: for every image blocks of LANES channels, in a block pixel by pixel,
// [images][blocks][pixels][LANES]. Lanes behind the last channel hold whatever weights of zero make of them, zeros.
#pragma once
#include "vectors.h"

namespace darts {

struct Size {
    int height, width;
    long pixels() const { return (long)height * width; }
    bool operator==(const Size& other) const { return height == other.height && width == other.width; }
};

inline int blocks_of(int channels, int lanes) { return (channels + lanes - 1) / lanes; }

// A padded copy of a map: [blocks][height + 2 pad][width + 2 pad][LANES].
template <class T> struct Padded {
    T* data;
    Size size;
    int pad;
    int pitch() const { return size.width + 2 * pad; }
    long pixels() const { return (long)(size.height + 2 * pad) * pitch(); }
    // The pixel (row, column) of a block; rows and columns count from the map's own first one.
    T* at(int block, int row, int column) const {
        return data + (block * pixels() + (long)(row + pad) * pitch() + column + pad) * LANES<T>;
    }
};

template <class T> size_t padded_count(Size size, int pad, int blocks) {
    return (size_t)(size.height + 2 * pad) * (size.width + 2 * pad) * blocks * LANES<T>;
}

template <class T> void zero_border(const Padded<T>& to, int blocks) {
    const long row = (long)to.pitch() * LANES<T>;
    const size_t side = sizeof(T) * to.pad * LANES<T>;
    for (int block = 0; block < blocks; block++) {
        T* first = to.at(block, -to.pad, -to.pad);
        memset(first, 0, sizeof(T) * to.pad * row);
        memset(to.at(block, to.size.height, -to.pad), 0, sizeof(T) * to.pad * row);
        for (int i = 0; i < to.size.height; i++) {
            memset(to.at(block, i, -to.pad), 0, side);
            memset(to.at(block, i, to.size.width), 0, side);
        }
    }
}

// to = ReLU(scale · x + shift), zeros around. x [blocks][pixels][LANES]; scale, shift [blocks · LANES], null: 1 and 0.
template <class T> void pad_relu(const T* x, const T* scale, const T* shift, const Padded<T>& to, int blocks) {
    constexpr int V = LANES<T>;
    zero_border(to, blocks);
    for (int block = 0; block < blocks; block++) {
        const Vec<T> a = scale ? load(scale + block * V) : all<T>(1), b = scale ? load(shift + block * V) : zero<T>();
        for (int i = 0; i < to.size.height; i++) {
            T* y = to.at(block, i, 0);
            for (int j = 0; j < to.size.width; j++, x += V)
                store(y + (long)j * V, relu<T>(scale ? a * load(x) + b : load(x)));
        }
    }
}

// x [pixels][...] of `step` Ts a pixel → y [blocks][pixels][LANES], the first `channels` of every pixel.
template <class T> void to_blocks(const T* x, long step, T* y, long pixels, int channels) {
    constexpr int V = LANES<T>;
    for (int c = 0; c < channels; c += V) {
        const int count = channels - c < V ? channels - c : V;
        for (long p = 0; p < pixels; p++, y += V) store(y, load_some(x + p * step + c, count));
    }
}

// The inverse of `to_blocks`.
template <class T> void from_blocks(const T* y, T* x, long step, long pixels, int channels) {
    constexpr int V = LANES<T>;
    for (int c = 0; c < channels; c += V) {
        const int count = channels - c < V ? channels - c : V;
        for (long p = 0; p < pixels; p++, y += V) store_some(x + p * step + c, load(y), count);
    }
}

}  // namespace darts
