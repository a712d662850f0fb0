// The convolutions that read one state of a cell: those of one geometry run together.
#pragma once
#include "buffer.h"
#include "dense.h"
#include "dense_cell.h"
#include "flat.h"
#include "threads.h"

namespace darts::dense {

// Convolutions of one geometry.
template <class T> struct DenseBank {
    std::vector<int> members;  // which convolutions of the cell
    std::shared_ptr<const DenseTable<T>> forward, backward;
    Grid outputs;
    size_t grids;  // where the grids of their output gradients begin
};

template <class T> class DenseState {
public:
    // `source`: the state that the convolutions read.
    DenseState(const DenseCell& cell, int source) : cell(cell), source(source), inputs(grid(source)) {
        for (int q = 0; q < cell.convolutions; q++)
            if (cell.convolution[q].source == source) add(q);
        align_rows<T>(inputs);
        for (DenseBank<T>& bank : banks) {
            align_rows<T>(bank.outputs);
            const int many = int(bank.members.size());
            bank.forward = dense_table<T>({geometry(bank.members[0]), false}, inputs, bank.outputs, many);
            bank.backward = dense_table<T>({geometry(bank.members[0]), true}, bank.outputs, grid(source), many);
            bank.grids = gradients;
            gradients += many * bank.outputs.size();
            results = std::max({results, many * bank.forward->result_size(), bank.backward->result_size()});
        }
    }

    bool empty() const { return banks.empty(); }

    // Packed weights of all banks, one behind the other.
    Buffer<T> packed(bool backward) const {
        Buffer<T> found(values_packed(backward));
        T* at = found.data();
        for (const DenseBank<T>& bank : banks) {
            std::vector<const T*> weights;
            for (int q : bank.members) weights.push_back(static_cast<const T*>(cell.convolution[q].weight));
            const DenseTable<T>& table = backward ? *bank.backward : *bank.forward;
            table.pack(weights.data(), at);
            at += table.packed;
        }
        return found;
    }

    size_t values_packed(bool backward) const {
        size_t values = 0;
        for (const DenseBank<T>& bank : banks) values += (backward ? bank.backward : bank.forward)->packed;
        return values;
    }

    bool rectified() const { return !empty() && cell.convolution[banks[0].members[0]].rectified; }

    const DenseCell& cell;
    const int source;
    Grid inputs;
    std::vector<DenseBank<T>> banks;
    size_t results = 0;    // values that results of a bank may need
    size_t gradients = 0;  // values in the grids of all output gradients

private:
    Grid grid(int s) const { return {cell.shape[s].height, cell.shape[s].width, cell.shape[s].channels}; }

    Geometry geometry(int q) const {
        const DenseConvolution& own = cell.convolution[q];
        return {own.kernel, own.stride, own.dilation, own.channels_last != 0};
    }

    void add(int q) {
        const Grid outputs = grid(cell.convolution[q].target);
        for (DenseBank<T>& bank : banks)
            if (geometry(bank.members[0]) == geometry(q) && bank.outputs.channels == outputs.channels)
                return bank.members.push_back(q);
        banks.push_back({{q}, nullptr, nullptr, outputs, 0});
        widen_margins<T>(geometry(q), inputs, banks.back().outputs);
    }
};

// Runs body(image, chunk, worker) for all images, from the last one to the first where `backwards`: a pass that begins
// where the one before it has ended finds something of it in the cache.
template <class F> void for_images(const Chunks& chunks, int threads, bool backwards, F&& body) {
    parallel(chunks.count, threads, [&](int index, int worker) {
        const int chunk = backwards ? chunks.count - 1 - index : index;
        const int begin = chunks.begin(chunk), end = chunks.end(chunk);
        for (int k = begin; k < end; k++) body(backwards ? begin + end - 1 - k : k, chunk, worker);
    });
}

// What one thread works in while it goes through images of a state: grids whose margins are zero.
template <class T> struct DenseWork {
    Buffer<T> inputs, gradients, results;

    DenseWork(const DenseState<T>& state, bool backward)
        : inputs(state.inputs.size() + SLACK, true), gradients(backward ? state.gradients + SLACK : 0, true),
          results(state.results + SLACK) {}
};

// The convolutions of one image of a state: z[q] (height, width, channels) of its target for every convolution q that reads it.
template <class T>
void forward_of_image(const DenseState<T>& state, const DenseWork<T>& work, const T* image, const T* packed, T* const* z) {
    const Grid& grid = state.inputs;
    lay_into(image, state.rectified(), grid.height, grid.width * grid.channels, work.inputs.data() + grid.origin(), grid.row());
    for (const DenseBank<T>& bank : state.banks) {
        const DenseTable<T>& table = *bank.forward;
        std::vector<T*> targets;
        for (size_t m = 0; m < bank.members.size(); m++)
            targets.push_back(table.grouping.exact ? z[bank.members[m]] : work.results.data() + m * table.result_size());
        convolve(table, work.inputs.data(), packed, targets.data());
        if (!table.grouping.exact)
            for (size_t m = 0; m < bank.members.size(); m++) close_rows(table, targets[m], z[bank.members[m]]);
        packed += table.packed;
    }
}

// The gradient of what convolutions read of an image by those in `work.gradients`, into `out` (height, width, channels).
template <class T> void backward_of_image(const DenseState<T>& state, const DenseWork<T>& work, const T* packed, T* out) {
    bool first = true;
    for (const DenseBank<T>& bank : state.banks) {
        const DenseTable<T>& table = *bank.backward;
        const bool exact = table.grouping.exact;
        T* target = exact ? out : work.results.data();
        convolve(table, work.gradients.data() + bank.grids, packed, &target, exact && !first);
        if (!exact) close_rows(table, target, out, !first);
        packed += table.packed;
        first = false;
    }
}

// Add the gradients of packed weights by one image, which lies in `work.inputs`.
template <class T> void weights_of_image(const DenseState<T>& state, const DenseWork<T>& work, T* packed) {
    for (const DenseBank<T>& bank : state.banks) {
        convolve_weights(*bank.forward, work.inputs.data(), work.gradients.data() + bank.grids, packed);
        packed += bank.forward->packed;
    }
}

}  // namespace darts::dense
