// Average pooling over the pixels that are there, and its transpose: 3x3 of stride 1, and 2x2 of stride 2.
#pragma once
#include <algorithm>

#include "flat.h"

namespace darts::dense {

template <class T> class Average {
public:
    Average(int height, int width, int channels)
        : height(height), width(width), channels(channels), row(width * channels), share(row) {
        for (int v = 0; v < row; v++) share[v] = T(1) / there(v / channels, width);
    }

    // Values of the buffer that `forward` and `backward` work in; its first and last `channels` values stay zero.
    size_t work() const { return row + 2 * channels + LANES<T>; }

    // out = the average of x around every pixel.
    void forward(const T* x, T* out, T* work) const {
        for (int y = 0; y < height; y++) {
            add_rows(x, y, false, work + channels);
            add_columns(work, T(1) / there(y, height), true, out + y * row);
        }
    }

    // out = the gradient of x, `g` being that of the average.
    void backward(const T* g, T* out, T* work) const {
        for (int y = 0; y < height; y++) {
            add_rows(g, y, true, work + channels);
            add_columns(work, T(1), false, out + y * row);
        }
    }

private:
    static int there(int place, int length) { return 1 + (place > 0) + (place < length - 1); }

    // The sum of row `y` and its neighbours, each divided by how many pixels it was averaged over where `divided`.
    void add_rows(const T* x, int y, bool divided, T* out) const {
        const int first = y > 0 ? y - 1 : y, last = y < height - 1 ? y + 1 : y;
        for (int v = 0; v < row; v += LANES<T>) {
            const int some = row - v < LANES<T> ? row - v : LANES<T>;
            Vec<T> sum = {};
            for (int r = first; r <= last; r++) {
                const Vec<T> value = load_some(x + r * row + v, some);
                sum += divided ? value * (T(1) / there(r, height)) : value;
            }
            if (divided) sum *= load_some(share.data() + v, some);
            store_some(out + v, sum, some);
        }
    }

    void add_columns(const T* sums, T scale, bool divided, T* out) const {
        for (int v = 0; v < row; v += LANES<T>) {
            const int some = row - v < LANES<T> ? row - v : LANES<T>;
            Vec<T> sum = load_some(sums + v, some) + load_some(sums + v + channels, some) +
                         load_some(sums + v + 2 * channels, some);
            sum *= scale;
            if (divided) sum *= load_some(share.data() + v, some);
            store_some(out + v, sum, some);
        }
    }

    int height, width, channels, row;
    std::vector<T> share;  // of a pixel by its column
};

// 2x2 pixels side by side become one; the last row or column of an odd map is averaged over what is there.
template <class T> class Halving {
public:
    Halving(int height, int width, int channels) : height(height), width(width), channels(channels) {}

    // out = the halved x, added to what lies there where `add`.
    void forward(const T* x, bool add, T* out) const {
        for (int y = 0; y < height; y += 2)
            for (int column = 0; column < width; column += 2, out += channels) {
                const T share = T(1) / (there(y, height) * there(column, width));
                for (int c = 0; c < channels; c += LANES<T>) {
                    const int some = std::min(LANES<T>, channels - c);
                    Vec<T> sum = {};
                    for (int i = y; i < y + there(y, height); i++)
                        for (int j = column; j < column + there(column, width); j++)
                            sum += load_some(x + (i * width + j) * channels + c, some);
                    sum *= share;
                    if (add) sum += load_some(out + c, some);
                    store_some(out + c, sum, some);
                }
            }
    }

    // out = the gradient of x, `g` being that of the result; added to what lies there where `add`.
    void backward(const T* g, bool add, T* out) const {
        for (int y = 0; y < height; y += 2)
            for (int column = 0; column < width; column += 2, g += channels) {
                const T share = T(1) / (there(y, height) * there(column, width));
                for (int c = 0; c < channels; c += LANES<T>) {
                    const int some = std::min(LANES<T>, channels - c);
                    const Vec<T> each = load_some(g + c, some) * share;
                    for (int i = y; i < y + there(y, height); i++)
                        for (int j = column; j < column + there(column, width); j++) {
                            T* o = out + (i * width + j) * channels + c;
                            store_some(o, add ? each + load_some(o, some) : each, some);
                        }
                }
            }
    }

private:
    static int there(int place, int length) { return place + 1 < length ? 2 : 1; }

    int height, width, channels;
};

}  // namespace darts::dense
