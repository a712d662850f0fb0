// Partial channels: the first `part` channels of a state are mixed, the others go by, and in the sum of a node the two
// are shuffled, channel c of group g to c * divisor + g, the mixed ones being group 0. See `PartialChannels`.
#pragma once
#include "vectors.h"

namespace darts::dense {

template <class T> class Partial {
public:
    Partial(int pixels, int part, int divisor) : pixels(pixels), part(part), divisor(divisor), all(part * divisor) {}

    // The first channels of an image.
    void take(const T* x, T* out) const {
        for (int pixel = 0; pixel < pixels; pixel++, x += all, out += part)
            for (int c = 0; c < part; c++) out[c] = x[c];
    }

    // Add to the first channels of an image.
    void add(const T* first, T* out) const {
        for (int pixel = 0; pixel < pixels; pixel++, first += part, out += all)
            for (int c = 0; c < part; c++) out[c] += first[c];
    }

    // Of mixed channels and of what goes by, an image whose first channels do not count, the shuffled image.
    void shuffle(const T* mixed, const T* others, T* out) const {
        for (int pixel = 0; pixel < pixels; pixel++, mixed += part, others += all, out += all)
            for (int c = 0; c < part; c++) {
                out[c * divisor] = mixed[c];
                for (int group = 1; group < divisor; group++) out[c * divisor + group] = others[group * part + c];
            }
    }

    // The inverse; the first channels of `others` become 0.
    void unshuffle(const T* x, T* mixed, T* others) const {
        for (int pixel = 0; pixel < pixels; pixel++, mixed += part, others += all, x += all)
            for (int c = 0; c < part; c++) {
                mixed[c] = x[c * divisor];
                others[c] = 0;
                for (int group = 1; group < divisor; group++) others[group * part + c] = x[c * divisor + group];
            }
    }

private:
    int pixels, part, divisor, all;
};

}  // namespace darts::dense
