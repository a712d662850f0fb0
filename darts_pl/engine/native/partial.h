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
        switch (divisor) {  // loops over few groups are faster where their number is known
            case 2: return shuffle_by<2>(mixed, others, out);
            case 4: return shuffle_by<4>(mixed, others, out);
            default: return shuffle_by<0>(mixed, others, out);
        }
    }

    // The inverse; the first channels of `others` become 0.
    void unshuffle(const T* x, T* mixed, T* others) const {
        switch (divisor) {
            case 2: return unshuffle_by<2>(x, mixed, others);
            case 4: return unshuffle_by<4>(x, mixed, others);
            default: return unshuffle_by<0>(x, mixed, others);
        }
    }

private:
    template <int KNOWN> void shuffle_by(const T* __restrict mixed, const T* __restrict others, T* __restrict out) const {
        const int groups = KNOWN ? KNOWN : divisor;
        for (int pixel = 0; pixel < pixels; pixel++, mixed += part, others += all, out += all)
            for (int c = 0; c < part; c++) {
                out[c * groups] = mixed[c];
                for (int group = 1; group < groups; group++) out[c * groups + group] = others[group * part + c];
            }
    }

    template <int KNOWN> void unshuffle_by(const T* __restrict x, T* __restrict mixed, T* __restrict others) const {
        const int groups = KNOWN ? KNOWN : divisor;
        for (int pixel = 0; pixel < pixels; pixel++, mixed += part, others += all, x += all)
            for (int c = 0; c < part; c++) {
                mixed[c] = x[c * groups];
                others[c] = 0;
                for (int group = 1; group < groups; group++) others[group * part + c] = x[c * groups + group];
            }
    }

    int pixels, part, divisor, all;
};

}  // namespace darts::dense
