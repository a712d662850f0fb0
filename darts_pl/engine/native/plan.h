// A cell as the engine runs it, read from the numbers that plan.py writes.
//
// Its states are made of the inputs, or are the inputs, and the nodes. Units make maps of a state or of the unit before
// them; terms add the maps of units, or states as they are, to nodes: node = Σ coefficient · (normalised) map. A map
// may have several terms, as the pooling of a state has for all edges that leave it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "depthwise.h"

namespace darts {

enum Operation { POOLING, STAGE, HALVING, PROJECTION };

constexpr int STATE = -1, RAW = -2;  // what a unit reads

struct Unit {
    int operation, source;  // source: the state that it begins at
    int input;              // the unit before it, or STATE, or RAW: it makes its source of an input
    Kernel kernel;          // of a stage; of pooling and halving the stride counts
    bool largest;           // pooling: the maximum, else the average
    int norm;               // what normalises the map for the unit behind, -1: none is
    int level;              // how many units are before it, -1 of those that make a state
    int in_channels;
    Size in, out;
    bool is_matrix() const { return operation != POOLING; }
    int copies() const { return operation == HALVING ? 2 : 1; }  // of the input's channels that its matrix reads
};

constexpr int IDENTITY = -1, CONSTANT = -2;

struct Term {
    int node, source, unit;  // unit: whose map, or IDENTITY, the source's own, or CONSTANT, ones
    int gate;                // which coefficient, -1: 1
    int norm, mask;          // -1: none. mask: of the images
};

struct Norm {
    int unit;
    bool of_batch, tracks;  // whether it takes statistics of the batch; whether its running ones go along
    double eps, momentum;   // momentum < 0: the mean over all batches so far
};

struct Plan {
    int batch, channels, inputs, states, slots, gates;
    std::vector<Size> sizes;  // of the states
    std::vector<int> slot;    // of a state in the output, -1: it is not in it
    std::vector<Unit> units;
    std::vector<Term> terms;
    std::vector<Norm> norms;

    Plan(const int64_t* n, const double* reals) {
        batch = n[0], channels = n[1], inputs = n[2], states = n[3], slots = n[4], gates = n[5];
        units.resize(n[6]), terms.resize(n[7]), norms.resize(n[8]);
        n += 9;
        for (int s = 0; s < states; s++, n += 3) {
            sizes.push_back({(int)n[0], (int)n[1]});
            slot.push_back((int)n[2]);
        }
        for (Unit& u : units) {
            u.operation = n[0], u.source = n[1], u.input = n[2], u.kernel = {(int)n[3], (int)n[4], (int)n[5]};
            u.largest = n[6], u.norm = n[7], u.in_channels = n[8];
            u.level = u.input >= 0 ? units[u.input].level + 1 : u.input == STATE ? 0 : -1;
            u.in = u.input >= 0 ? units[u.input].out : u.input == STATE ? sizes[u.source] : Size{(int)n[9], (int)n[10]};
            const int stride = u.kernel.stride;
            u.out = {(u.in.height + stride - 1) / stride, (u.in.width + stride - 1) / stride};
            n += 11;
        }
        for (Term& t : terms) {
            t = {(int)n[0], (int)n[1], (int)n[2], (int)n[3], (int)n[4], (int)n[5]};
            n += 6;
        }
        for (Norm& m : norms) {
            m = {(int)n[0], n[1] != 0, n[2] != 0, reals[0], reals[1]};
            n += 3, reals += 2;
        }
    }

    std::vector<int> units_at(int source, int level) const {
        std::vector<int> found;
        for (int u = 0; u < (int)units.size(); u++)
            if (units[u].source == source && units[u].level == level) found.push_back(u);
        return found;
    }

    int levels(int source) const {
        int found = 0;
        for (const Unit& u : units)
            if (u.source == source) found = std::max(found, u.level + 1);
        return found;
    }

    // The unit that makes a state of an input, -1: the input is the state.
    int projection(int state) const {
        const auto found = units_at(state, -1);
        return found.empty() ? -1 : found[0];
    }

    std::vector<int> terms_into(int node) const {
        std::vector<int> found;
        for (int t = 0; t < (int)terms.size(); t++)
            if (terms[t].node == node) found.push_back(t);
        return found;
    }

    std::vector<int> terms_from(int source) const {
        std::vector<int> found;
        for (int t = 0; t < (int)terms.size(); t++)
            if (terms[t].source == source) found.push_back(t);
        return found;
    }

    // The padding that serves all of `chosen`; a halving reads one pixel beyond odd sizes.
    int pad_of(const std::vector<int>& chosen) const {
        int found = 0;
        for (int u : chosen) {
            if (units[u].operation == STAGE) found = std::max(found, units[u].kernel.pad());
            if (units[u].operation == HALVING) found = std::max(found, 1);
        }
        return found;
    }
};

// How many rows of a map are worked on at a time, so that these channels of them stay in the first cache.
inline int strip_rows(Size size, int channels) {
    const int pixels = std::max(32, std::min(128, 8192 / channels));
    return std::max(1, std::min(size.height, pixels / size.width));
}

}  // namespace darts
