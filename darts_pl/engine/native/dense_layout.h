// Where the values of a dense convolution lie: grids inside a margin of zeros, and which pixels read which.
//
// A convolution and its gradient to the input are one thing here: every target pixel reads source pixels through taps.
// Forward the targets are the outputs and the sources the inputs; backward it is the other way round.
#pragma once
#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "vectors.h"

namespace darts::dense {

// An image (height, width, channels) in memory, channels last, inside a margin of zeros.
struct Grid {
    int height, width, channels;
    int top = 0, left = 0, bottom = 0, right = 0;

    int row() const { return (left + width + right) * channels; }
    int origin() const { return top * row() + left * channels; }  // of pixel (0, 0)
    size_t size() const { return size_t(top + height + bottom) * row(); }
};

// Kernel, stride and dilation; padded so that a stride of 1 keeps the size. Weights lie as (C_out, C_in, k, k), or
// channels last, as (C_out, k, k, C_in).
struct Geometry {
    int kernel, stride, dilation;
    bool channels_last;

    bool operator==(const Geometry& o) const {
        return kernel == o.kernel && stride == o.stride && dilation == o.dilation && channels_last == o.channels_last;
    }

    int padding() const { return dilation * (kernel - 1) / 2; }
    int outputs(int inputs) const { return (inputs - 1) / stride + 1; }
};

// Along one axis: which source pixel a target pixel reads by a tap.
struct Relation {
    Geometry geometry;
    bool backward;

    static constexpr int NONE = -(1 << 20);

    // After how many target pixels the pattern begins anew, and how many source pixels on it is after so many.
    int period() const { return backward ? geometry.stride : 1; }
    int advance(int targets) const { return backward ? targets / geometry.stride : targets * geometry.stride; }

    int source(int target, int tap) const {
        const int stride = geometry.stride, shift = tap * geometry.dilation - geometry.padding();
        if (!backward) return target * stride + shift;
        const int reached = target - shift;
        const int before = reached >= 0 ? reached / stride : -((-reached + stride - 1) / stride);
        return before * stride == reached ? before : NONE;
    }

    // Neighbouring source pixels (first, count) that target pixels `begin` to `end` read.
    std::vector<std::pair<int, int>> read_by(int begin, int end) const {
        std::vector<int> found;
        for (int target = begin; target < end; target++)
            for (int tap = 0; tap < geometry.kernel; tap++)
                if (const int pixel = source(target, tap); pixel != NONE) found.push_back(pixel);
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        std::vector<std::pair<int, int>> runs;
        for (int pixel : found)
            if (!runs.empty() && runs.back().first + runs.back().second == pixel) runs.back().second++;
            else runs.push_back({pixel, 1});
        return runs;
    }

    // The margin that `sources` pixels need where `targets` pixels are computed.
    void widen(int targets, int sources, int& before, int& after) const {
        for (auto [pixel, count] : read_by(0, targets)) {
            before = std::max(before, -pixel);
            after = std::max(after, pixel + count - sources);
        }
    }
};

// A row of target pixels as groups of `pixels` pixels in `blocks` vectors each; all groups read alike.
template <class T> struct Grouping {
    int pixels, blocks, groups;
    bool exact;  // whether groups fill the row, so that results lie as the pixels do

    // As few pixels a group as the relation allows, or as many as fill whole vectors, whichever reads less in all.
    Grouping(const Relation& relation, int width, int channels) {
        const int few = relation.period(), many = std::lcm(std::lcm(channels, LANES<T>) / channels, few);
        pixels = cost(relation, width, channels, many) <= cost(relation, width, channels, few) ? many : few;
        blocks = (pixels * channels + LANES<T> - 1) / LANES<T>;
        groups = (width + pixels - 1) / pixels;
        exact = pixels * channels == lanes() && width % pixels == 0;
    }

    int lanes() const { return blocks * LANES<T>; }
    int reached() const { return groups * pixels; }  // target pixels that are computed

    // The first and last pixel, and one beyond, that have values in a block.
    static std::pair<int, int> pixels_in(int block, int channels, int pixels) {
        const int end = std::min((block + 1) * LANES<T>, pixels * channels);
        return {block * LANES<T> / channels, (end + channels - 1) / channels};
    }

private:
    static long cost(const Relation& relation, int width, int channels, int pixels) {
        long read = 0;
        for (int block = 0; block * LANES<T> < pixels * channels; block++) {
            const auto [begin, end] = pixels_in(block, channels, pixels);
            for (auto [first, count] : relation.read_by(begin, end)) read += count;
        }
        return read * ((width + pixels - 1) / pixels);
    }
};

// Widen margins for a convolution that is run forward and backward between two grids, its outputs in `outputs`.
template <class T> void widen_margins(const Geometry& geometry, Grid& inputs, Grid& outputs) {
    const Relation forward{geometry, false}, backward{geometry, true};
    const int computed = Grouping<T>(forward, outputs.width, outputs.channels).reached();
    forward.widen(computed, inputs.width, inputs.left, inputs.right);
    forward.widen(outputs.height, inputs.height, inputs.top, inputs.bottom);
    backward.widen(Grouping<T>(backward, inputs.width, inputs.channels).reached(), outputs.width, outputs.left, outputs.right);
    backward.widen(inputs.height, outputs.height, outputs.top, outputs.bottom);
    outputs.right = std::max(outputs.right, computed - outputs.width);
}

// Widen margins so that rows begin at whole vectors, where few pixels fill one.
template <class T> void align_rows(Grid& grid) {
    const int filling = std::lcm(grid.channels, LANES<T>) / grid.channels;
    if (filling > 4) return;
    grid.left = (grid.left + filling - 1) / filling * filling;
    while ((grid.left + grid.width + grid.right) % filling) grid.right++;
}

}  // namespace darts::dense
