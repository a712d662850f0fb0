// How a dense convolution is cut into register tiles, worked out once for a shape.
//
// A vector holds consecutive values of a row of target pixels, so that few channels fill it with several pixels: the
// weights are packed as a band matrix, zero where a pixel does not read a source. A row of targets is a sequence of
// groups of `pixels` pixels in `blocks` vectors; all groups read alike. A program is what some of the vectors of a group
// have in common: the same runs of source values, each value times a vector of weights.
#pragma once
#include <memory>
#include <mutex>
#include <numeric>

#include "dense_layout.h"
#include "vectors.h"

namespace darts {

// Register tiles: of 32 registers with AVX-512, of 16 otherwise. A tile holds vectors x positions sums.
constexpr bool MANY_REGISTERS = VECTOR_BYTES == 64;
constexpr int MOST_VECTORS = 3;
constexpr int positions_of(int vectors) { return MANY_REGISTERS || vectors == 1 ? 8 : 4; }

struct Member {
    int convolution, block;
};

struct Program {
    int phase;                     // of the target rows
    std::vector<Run> runs;         // of one convolution after another where several are summed
    std::vector<Member> members;   // the vectors that are computed together
    std::vector<int> offsets;      // of the runs in the source
    std::vector<int> counts;       // of values in the runs
    std::vector<int> weights;      // for every packed weight its place in (C_out, C_in, k, k), -1: zero
    size_t at = 0;                 // where its packed weights begin
    int entries = 0;               // source values read
};

template <class T> class DenseTable {
  public:
    // `convolutions` of one geometry: forward from one source to a target each, backward from a source each to one target.
    DenseTable(Relation relation, Grid source, Grid target, int convolutions)
            : relation(relation), source(source), target(target), convolutions(convolutions) {
        choose_groups();
        make_programs();
        place_rows();
    }

    const Relation relation;
    const Grid source, target;
    const int convolutions;
    int pixels, blocks, groups;    // pixels and vectors of a group, groups of a row
    bool exact;                    // whether groups fill the target rows, so that results need no copying
    std::vector<Program> programs;
    size_t packed = 0;             // values of packed weights
    // by phase: of every tile position the offset in the source and in the results
    std::vector<std::vector<int>> from, into;

    int lanes() const { return blocks * LANES<T>; }
    int result_row() const { return exact ? target.width * target.channels : groups * lanes(); }
    size_t result_size() const { return size_t(target.height) * result_row(); }
    int phases() const { return relation.period(); }
    int source_step() const { return relation.advance(pixels) * source.channels; }

    // The offset in the source of what the first group of target row `y` reads.
    int source_row(int y) const { return source.origin() + relation.advance(y - y % phases()) * source.row(); }

    template <class W> void pack(const T* const* weights, W* out) const {
        for (const Program& p : programs) {
            const int* place = p.weights.data();
            T* o = out + p.at;
            for (size_t r = 0; r < p.runs.size(); r++)
                for (int i = 0; i < p.counts[r]; i++)
                    for (const Member& m : p.members) {
                        const T* w = weights[relation.backward ? int(r / runs_each(p)) : m.convolution];
                        for (int lane = 0; lane < LANES<T>; lane++, place++) *o++ = *place < 0 ? T(0) : w[*place];
                    }
        }
    }

    // Add packed gradients of weights (forward tables) to gradients (C_out, C_in, k, k) a convolution.
    template <class S> void unpack(const T* packed_gradients, S* const* gradients) const {
        for (const Program& p : programs) {
            const int* place = p.weights.data();
            const T* g = packed_gradients + p.at;
            for (int i = 0; i < p.entries; i++)
                for (const Member& m : p.members) {
                    S* o = gradients[m.convolution];
                    for (int lane = 0; lane < LANES<T>; lane++, place++, g++)
                        if (*place >= 0) o[*place] += S(*g);
                }
        }
    }

  private:
    int runs_each(const Program& p) const { return int(p.runs.size()) / (relation.backward ? convolutions : 1); }

    // Source pixels that the vector `block` of a group of `count` pixels reads, as runs of neighbours (pixel, pixels).
    std::vector<std::pair<int, int>> read_by(int block, int count) const {
        std::vector<int> found;
        const int channels = target.channels, first = block * LANES<T>;
        for (int value = first; value < std::min(first + LANES<T>, count * channels); value++)
            for (int tap = 0; tap < relation.geometry.kernel; tap++) {
                const int pixel = relation.source(value / channels, tap);
                if (pixel != Relation::NONE) found.push_back(pixel);
            }
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        std::vector<std::pair<int, int>> runs;
        for (int pixel : found)
            if (!runs.empty() && runs.back().first + runs.back().second == pixel) runs.back().second++;
            else runs.push_back({pixel, 1});
        return runs;
    }

    // Taps along the vertical axis that rows of a phase have, with the source row of each.
    std::vector<std::pair<int, int>> rows_of(int phase) const {
        std::vector<std::pair<int, int>> found;
        for (int tap = 0; tap < relation.geometry.kernel; tap++) {
            const int row = relation.source(phase, tap);
            if (row != Relation::NONE) found.push_back({row, tap});
        }
        return found;
    }

    long cost(int count) const {
        long pixels_read = 0;
        const int vectors = (count * target.channels + LANES<T> - 1) / LANES<T>;
        for (int block = 0; block < vectors; block++)
            for (auto& run : read_by(block, count)) pixels_read += run.second;
        return pixels_read * ((target.width + count - 1) / count);
    }

    // Pixels a group: as few as the relation allows, or as many as fill whole vectors, whichever is cheaper.
    void choose_groups() {
        const int few = phases(), filling = std::lcm(target.channels, LANES<T>) / target.channels;
        const int many = std::lcm(filling, few);
        pixels = cost(many) <= cost(few) ? many : few;
        blocks = (pixels * target.channels + LANES<T> - 1) / LANES<T>;
        groups = (target.width + pixels - 1) / pixels;
        exact = pixels * target.channels == lanes() && target.width % pixels == 0;
    }

    void make_programs() {
        const int targets = relation.backward ? 1 : convolutions;
        for (int phase = 0; phase < std::min(phases(), target.height); phase++)
            for (int block = 0; block < blocks;) {
                const auto reads = read_by(block, pixels);
                int end = block + 1;
                while (end < blocks && read_by(end, pixels) == reads) end++;
                std::vector<Member> members;
                for (int convolution = 0; convolution < targets; convolution++)
                    for (int b = block; b < end; b++) members.push_back({convolution, b});
                const int many = int(members.size()), parts = (many + MOST_VECTORS - 1) / MOST_VECTORS;
                for (int part = 0; part < parts; part++)
                    add_program(phase, reads, {members.begin() + many * part / parts, members.begin() + many * (part + 1) / parts});
                block = end;
            }
    }

    void add_program(int phase, const std::vector<std::pair<int, int>>& reads, std::vector<Member> members) {
        Program p;
        p.phase = phase;
        p.members = std::move(members);
        p.at = packed;
        for (int convolution = 0; convolution < (relation.backward ? convolutions : 1); convolution++)
            for (auto [row, tap] : rows_of(phase))
                for (auto [pixel, count] : reads) {
                    p.runs.push_back({row, pixel, count, tap});
                    p.offsets.push_back(int(convolution * source.size()) + row * source.row() + pixel * source.channels);
                    p.counts.push_back(count * source.channels);
                    p.entries += p.counts.back();
                    place_weights(p, p.runs.back());
                }
        packed += p.weights.size();
        programs.push_back(std::move(p));
    }

    void place_weights(Program& p, const Run& run) const {
        const int k = relation.geometry.kernel, channels = target.channels;
        const int inputs = relation.backward ? channels : source.channels;
        for (int pixel = run.pixel; pixel < run.pixel + run.pixels; pixel++)
            for (int c = 0; c < source.channels; c++)
                for (const Member& m : p.members)
                    for (int lane = 0; lane < LANES<T>; lane++) {
                        const int value = m.block * LANES<T> + lane, reader = value / channels, own = value % channels;
                        int place = -1;
                        for (int tap = 0; tap < k && reader < pixels; tap++)
              if (relation.source(reader, tap) == pixel)
                place = ((relation.backward ? c * inputs + own : own * inputs + c) * k + run.tap) * k + tap;
                        p.weights.push_back(place);
                    }
    }

    void place_rows() {
        from.resize(phases());
        into.resize(phases());
        for (int y = 0; y < target.height; y++)
            for (int g = 0; g < groups; g++) {
                from[y % phases()].push_back(source_row(y) + g * source_step());
                into[y % phases()].push_back(y * result_row() + g * lanes());
            }
    }
};

}  // namespace darts
