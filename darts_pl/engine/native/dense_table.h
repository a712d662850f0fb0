// How a dense convolution is cut into register tiles, worked out once for a shape.
//
// A vector holds consecutive values of a row of target pixels, so that few channels fill it with several pixels: the
// weights are packed as a band matrix, zero where a pixel does not read a source. A program is what some vectors of all
// groups have in common: the same runs of source values, each value times a vector of weights.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "buffer.h"
#include "dense_layout.h"

namespace darts::dense {

// Register tiles of vectors x positions sums, of 32 registers with AVX-512, of 16 otherwise.
constexpr bool MANY_REGISTERS = VECTOR_BYTES == 64;
constexpr int MOST_VECTORS = 3;
constexpr int positions_of(int vectors) { return MANY_REGISTERS || vectors == 1 ? 8 : 4; }

// Values that a tile may read behind a grid.
constexpr int SLACK = 2 * VECTOR_BYTES;

// A vector of a group, of one of several convolutions.
struct Member {
    int convolution, block;
};

// Source values that lie one behind the other and are read together: `count` from `offset` behind where a group reads.
struct Run {
    int convolution, tap, pixel;  // which convolution's, by which vertical tap, from which source pixel on
    int offset, count;
};

struct Program {
    int phase;  // of the target rows
    std::vector<Run> runs;
    std::vector<Member> members;  // the vectors that are computed together
    std::vector<int> weights;     // for every packed weight its place in those of a convolution, -1: zero
    size_t at;                    // where its packed weights begin
};

template <class T> class DenseTable {
public:
    const Relation relation;
    const Grid source, target;
    const int convolutions;
    const Grouping<T> grouping;
    std::vector<Program> programs;
    size_t packed = 0;  // values of packed weights
    // By phase, for every group of every row: where it reads in the source, where its results lie.
    std::vector<std::vector<int>> from, into;

    // `convolutions` of one geometry: forward from one source to a target each, backward from a source each to one
    // target. Where there are several, sources lie `source.size()` apart.
    DenseTable(Relation relation, Grid source, Grid target, int convolutions)
        : relation(relation), source(source), target(target), convolutions(convolutions),
          grouping(relation, target.width, target.channels) {
        for (int phase = 0; phase < std::min(phases(), target.height); phase++) add_programs(phase);
        place_groups();
    }

    int phases() const { return relation.period(); }
    int result_row() const { return grouping.exact ? target.width * target.channels : grouping.groups * grouping.lanes(); }
    size_t result_size() const { return size_t(target.height) * result_row(); }
    int source_step() const { return relation.advance(grouping.pixels) * source.channels; }

    // Where the first group of target row `y` reads.
    int source_row(int y) const { return source.origin() + relation.advance(y - y % phases()) * source.row(); }

    // The weights of each convolution in the order in which programs read them.
    void pack(const T* const* weights, T* out) const {
        for (const Program& p : programs) {
            const int* place = p.weights.data();
            for (const Run& run : p.runs)
                for (int i = 0; i < run.count; i++)
                    for (const Member& m : p.members) {
                        const T* w = weights[relation.backward ? run.convolution : m.convolution];
                        for (int lane = 0; lane < LANES<T>; lane++, place++) *out++ = *place < 0 ? T(0) : w[*place];
                    }
        }
    }

    // Add gradients of the packed weights of a forward table to those of each convolution.
    void unpack(const T* gradients, T* const* out) const {
        for (const Program& p : programs)
            for (size_t i = 0; i < p.weights.size(); i++, gradients++) {
                const Member& m = p.members[i / LANES<T> % p.members.size()];
                if (p.weights[i] >= 0) out[m.convolution][p.weights[i]] += *gradients;
            }
    }

private:
    void add_programs(int phase) {
        const auto reads = [&](int block) {
            const auto [begin, end] = Grouping<T>::pixels_in(block, target.channels, grouping.pixels);
            return relation.read_by(begin, end);
        };
        for (int block = 0, end; block < grouping.blocks; block = end) {
            for (end = block + 1; end < grouping.blocks && reads(end) == reads(block);) end++;
            std::vector<Member> members;
            for (int convolution = 0; convolution < (relation.backward ? 1 : convolutions); convolution++)
                for (int b = block; b < end; b++) members.push_back({convolution, b});
            const int many = int(members.size()), parts = (many + MOST_VECTORS - 1) / MOST_VECTORS;
            for (int part = 0; part < parts; part++)
                add_program(phase, reads(block),
                            {members.begin() + many * part / parts, members.begin() + many * (part + 1) / parts});
        }
    }

    void add_program(int phase, const std::vector<std::pair<int, int>>& reads, std::vector<Member> members) {
        Program p{phase, {}, std::move(members), {}, packed};
        for (int convolution = 0; convolution < (relation.backward ? convolutions : 1); convolution++)
            for (int tap = 0; tap < relation.geometry.kernel; tap++) {
                const int row = relation.source(phase, tap);
                if (row == Relation::NONE) continue;
                for (auto [pixel, count] : reads) {
                    const int offset = int(convolution * source.size()) + row * source.row() + pixel * source.channels;
                    p.runs.push_back({convolution, tap, pixel, offset, count * source.channels});
                    place_weights(p, p.runs.back());
                }
            }
        packed += p.weights.size();
        programs.push_back(std::move(p));
    }

    void place_weights(Program& p, const Run& run) const {
        for (int i = 0; i < run.count; i++)
            for (const Member& m : p.members)
                for (int lane = 0; lane < LANES<T>; lane++)
                    p.weights.push_back(place_of(run.pixel + i / source.channels, i % source.channels, run.tap,
                                                 m.block * LANES<T> + lane));
    }

    // Where the weight lies by which value `value` of a group reads channel `channel` of source pixel `pixel`.
    int place_of(int pixel, int channel, int row_tap, int value) const {
        const int reader = value / target.channels, own = value % target.channels, k = relation.geometry.kernel;
        if (reader >= grouping.pixels) return -1;
        const int out = relation.backward ? channel : own, in = relation.backward ? own : channel;
        const int inputs = relation.backward ? target.channels : source.channels;
        for (int tap = 0; tap < k; tap++)
            if (relation.source(reader, tap) == pixel) {
                if (relation.geometry.channels_last) return ((out * k + row_tap) * k + tap) * inputs + in;
                return ((out * inputs + in) * k + row_tap) * k + tap;
            }
        return -1;
    }

    void place_groups() {
        from.resize(phases());
        into.resize(phases());
        for (int y = 0; y < target.height; y++)
            for (int group = 0; group < grouping.groups; group++) {
                from[y % phases()].push_back(source_row(y) + group * source_step());
                into[y % phases()].push_back(y * result_row() + group * grouping.lanes());
            }
    }
};

// The table of these arguments, made once a process.
template <class T>
OF_THIS_LIBRARY std::shared_ptr<const DenseTable<T>> dense_table(Relation relation, Grid source, Grid target, int convolutions) {
    const auto key = [](const Grid& g) {
        return std::make_tuple(g.height, g.width, g.channels, g.top, g.left, g.bottom, g.right);
    };
    const Geometry& g = relation.geometry;
    const auto all = std::make_tuple(g.kernel, g.stride, g.dilation, g.channels_last, relation.backward, key(source), key(target), convolutions);
    static std::mutex mutex;
    static std::map<decltype(all), std::shared_ptr<const DenseTable<T>>> made;
    std::lock_guard<std::mutex> guard(mutex);
    auto& found = made[all];
    if (!found) found = std::make_shared<DenseTable<T>>(relation, source, target, convolutions);
    return found;
}

}  // namespace darts::dense
