// Where the values of a dense convolution lie: grids with a margin of zeros, and which pixels read which.
//
// A convolution and its gradient to the input are one thing here: every target pixel reads source pixels through taps.
// Forward the targets are the outputs and the sources the inputs; backward it is the other way round.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <vector>

namespace darts {

// An image (height, width, channels) in memory, channels last, inside a margin of zeros.
struct Grid {
    int height, width, channels;
    int top = 0, left = 0, bottom = 0, right = 0;

    int row() const { return (left + width + right) * channels; }
    int origin() const { return top * row() + left * channels; }  // of pixel (0, 0)
    size_t size() const { return size_t(top + height + bottom) * row(); }
};

// Kernel, stride and dilation; padded so that a stride of 1 keeps the size, as `padding = dilation * (kernel - 1) / 2`.
struct Geometry {
    int kernel, stride, dilation;

    int padding() const { return dilation * (kernel - 1) / 2; }
    int outputs(int inputs) const { return (inputs + 2 * padding() - dilation * (kernel - 1) - 1) / stride + 1; }
    bool operator==(const Geometry& o) const {
        return kernel == o.kernel && stride == o.stride && dilation == o.dilation;
    }
};

// Along one axis: which source pixel a target pixel reads by a tap.
struct Relation {
    Geometry geometry;
    bool backward;

    static constexpr int NONE = -(1 << 20);

    // After how many target pixels the pattern begins anew, and by how many source pixels it has moved by then.
    int period() const { return backward ? geometry.stride : 1; }
    int advance(int targets) const { return backward ? targets / geometry.stride : targets * geometry.stride; }

    int source(int target, int tap) const {
        if (!backward) return target * geometry.stride + tap * geometry.dilation - geometry.padding();
        const int reached = target + geometry.padding() - tap * geometry.dilation;
        const int quotient = reached >= 0 ? reached / geometry.stride : -((-reached + geometry.stride - 1) / geometry.stride);
        return quotient * geometry.stride == reached ? quotient : NONE;
    }

    // The margin that `sources` pixels need where `targets` pixels are computed.
    void margin(int targets, int sources, int& before, int& after) const {
        for (int target = 0; target < targets; target++)
            for (int tap = 0; tap < geometry.kernel; tap++) {
                const int found = source(target, tap);
                if (found == NONE) continue;
                before = std::max(before, -found);
                after = std::max(after, found - (sources - 1));
            }
    }
};

// Values that lie one behind the other and are read by a target pixel, relative to where its reading begins.
struct Run {
    int row, pixel, pixels;  // source row and first source pixel, how many pixels
    int tap;                 // of the vertical axis
};

}  // namespace darts
