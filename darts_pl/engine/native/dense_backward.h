// A cell of dense convolutions backward, from the last state to the input. The gradient of a state is computed image by
// image, and multiplied with the state's terms while it lies in the cache: that gives the gradients of coefficients and
// what the backward pass of normalisation needs.
#pragma once
#include "average.h"
#include "dense_saved.h"
#include "dense_state.h"
#include "partial.h"

namespace darts::dense {

template <class T> class DenseBackward {
public:
    explicit DenseBackward(const DenseCell& cell)
        : cell(cell), saved(cell), flat(flats<T>(cell)), chunks(cell.batch), slopes(cell.convolutions) {
        const int last = cell.states - 1;
        const bool is_partial = cell.divisor > 1;
        for (int s = 0; s <= last; s++) {
            const size_t shift = (cell.convolutions + s) * STAGGER / sizeof(T);
            const bool own = s > 0 && (s < last || is_partial), by = s > 0 && is_partial;
            buffers.emplace_back(own ? cell.batch * saved.values[s] + shift : 0);
            gradients.push_back(own ? buffers.back().data() + shift : nullptr);
            buffers.emplace_back(by ? cell.batch * saved.values[s] * cell.divisor + 3 * shift : 0);
            others.push_back(by ? buffers.back().data() + 3 * shift : nullptr);
        }
        if (!is_partial) gradients[last] = static_cast<T*>(const_cast<void*>(cell.output_gradient));
        gradients[0] = static_cast<T*>(cell.input_gradient);
    }

    void run() {
        for (int s = cell.states - 1; s >= 0; s--) pass(s);
    }

private:
    class Whole;

    void pass(int s) {
        const DenseState<T> state(cell, s);
        const Entering entering(cell, saved, s);
        const Average<T> average(cell.shape[s].height, cell.shape[s].width, cell.shape[s].channels);
        const Leaving leaving(*this, s, average);
        const bool weights = wants_weights(state), needed = gradients[s] != nullptr, given = s == cell.states - 1;
        const Buffer<T> packed = state.packed(true);
        const size_t weight_values = weights ? state.values_packed(false) : 0;
        Buffer<T> by_chunk(chunks.count * weight_values, true);
        const Whole whole(*this, s);
        const size_t sums = (entering.count() + 1) * flat[s].channels + whole.sums();
        Buffer<double> sums_by_chunk(chunks.count * sums, true);
        std::vector<DenseWork<T>> works;
        std::vector<Images> images;
        for (int worker = 0; worker < cell.threads; worker++) {
            works.emplace_back(state, true);
            images.emplace_back(*this, s);
        }
        for_images(chunks, cell.threads, (cell.states - s) % 2, [&](int image, int chunk, int worker) {
            const Images& own = images[worker];
            T* of_weights = weights ? by_chunk.data() + chunk * weight_values : nullptr;
            if (!state.empty() && (needed || weights))
                convolve(state, works[worker], image, needed ? packed.data() : nullptr, own.inner.data(), of_weights);
            if (cell.divisor > 1) {
                if (!given && needed) leaving.add(image, state.empty() ? nullptr : own.inner.data(), state.rectified(), own, own.part.data());
                if (given || needed) whole.add(image, own);
            } else if (!given && needed)
                leaving.add(image, state.empty() ? nullptr : own.inner.data(), state.rectified(), own, gradients[s] + image * saved.values[s]);
            if (s == 0) return;
            double* found = sums_by_chunk.data() + chunk * sums;
            multiply(entering, s, image, average, own, found);
            whole.multiply(image, found + sums - whole.sums());
        });
        if (weights) add_up_weights(state, by_chunk.data(), weight_values);
        if (s > 0) add_up_sums(entering, whole, flat[s].channels, sums_by_chunk.data(), sums);
    }

    // What a thread works in beside its grids.
    struct Images {
        Buffer<T> inner, more, pooled, part, whole, row;

        Images(const DenseBackward& pass, int s)
            : inner(pass.saved.values[s]), more(pass.saved.values[s]), pooled(pass.saved.values[s]),
              part(pass.cell.divisor > 1 ? pass.saved.values[s] : 0),
              whole(pass.cell.divisor > 1 ? pass.saved.values[s] * pass.cell.divisor : 0),
              row(pass.cell.shape[s].channels * (pass.cell.shape[s].width + 2) + LANES<T>, true) {}
    };

    bool wants_weights(const DenseState<T>& state) const {
        for (const DenseBank<T>& bank : state.banks)
            for (int q : bank.members)
                if (cell.convolution[q].weight_gradient) return true;
        return false;
    }

    // The tensors that a state's gradient is multiplied with; those of averages are multiplied with what the gradient
    // makes of a gradient of the averaged tensor.
    struct Entering {
        const DenseTerms terms;
        std::vector<const T*> direct, averaged;

        Entering(const DenseCell& cell, const DenseSaved<T>& saved, int target) : terms(cell, target) {
            for (int q : terms.convolutions) direct.push_back(saved.z[q]);
            for (int t : terms.by_kind[IDENTITY]) direct.push_back(saved.states[cell.term[t].source]);
            for (int t : terms.by_kind[AVERAGE]) averaged.push_back(saved.states[cell.term[t].source]);
        }
        size_t count() const { return direct.size() + averaged.size(); }
    };

    // Gradients of one image through the convolutions that read a state: of what they read into `out` where there are
    // packed weights, of the packed weights added to `weights` unless it is nullptr.
    void convolve(const DenseState<T>& state, const DenseWork<T>& work, int image, const T* packed, T* out, T* weights) {
        for (const DenseBank<T>& bank : state.banks)
            for (size_t m = 0; m < bank.members.size(); m++) {
                const int q = bank.members[m], target = cell.convolution[q].target;
                const Grid& grid = bank.outputs;
                const size_t at = image * saved.values[target];
                T* into = work.gradients.data() + bank.grids + m * grid.size() + grid.origin();
                normalisation_into(flat[target], gradients[target] + at, saved.z[q] + at, slopes[q].data(), grid.height,
                                   grid.width * grid.channels, into, grid.row());
            }
        if (packed) backward_of_image(state, work, packed, out);
        if (!weights) return;
        const Grid& grid = state.inputs;
        const T* x = saved.states[state.source] + image * saved.values[state.source];
        lay_into(x, state.rectified(), grid.height, grid.width * grid.channels, work.inputs.data() + grid.origin(), grid.row());
        weights_of_image(state, work, weights);
    }

    // Sums of one image over the products of a state's gradient with its terms, behind them that of the gradient.
    void multiply(const Entering& entering, int s, int image, const Average<T>& average, const Images& images,
                  double* sums) {
        const size_t at = image * saved.values[s];
        const T* g = gradients[s] + at;
        double* total = sums + entering.count() * flat[s].channels;
        sums = multiply(flat[s], entering.direct, at, g, sums, total);
        if (entering.averaged.empty()) return;
        average.backward(g, images.pooled.data(), images.row.data());
        multiply(flat[s], entering.averaged, at, images.pooled.data(), sums, nullptr);
    }

    double* multiply(const Flat<T>& own, const std::vector<const T*>& tensors, size_t at, const T* g, double* sums,
                     double* total) {
        std::vector<const T*> x;
        std::vector<double*> out;
        for (const T* tensor : tensors) {
            x.push_back(tensor + at);
            out.push_back(sums);
            sums += own.channels;
        }
        products(own, x.data(), int(x.size()), g, out.data(), total);
        return sums;
    }

    void add_up_weights(const DenseState<T>& state, T* by_chunk, size_t values) {
        for (int chunk = 1; chunk < chunks.count; chunk++)
            for (size_t v = 0; v < values; v++) by_chunk[v] += by_chunk[chunk * values + v];
        for (const DenseBank<T>& bank : state.banks) {
            std::vector<T*> out;
            for (int q : bank.members) out.push_back(static_cast<T*>(cell.convolution[q].weight_gradient));
            bank.forward->unpack(by_chunk, out.data());
            by_chunk += bank.forward->packed;
        }
    }

    // Of the sums over a state's gradient: gradients of coefficients and of normalisations' parameters, and by which
    // slopes the gradient goes on to the convolutions.
    void add_up_sums(const Entering& entering, const Whole& whole, int channels, double* by_chunk, size_t sums) {
        for (int chunk = 1; chunk < chunks.count; chunk++)
            for (size_t v = 0; v < sums; v++) by_chunk[v] += by_chunk[chunk * sums + v];
        whole.add_up(by_chunk + sums - whole.sums());
        const double* total = by_chunk + sums - whole.sums() - channels;
        const double* own = by_chunk;
        for (int q : entering.terms.convolutions) {
            normalise(q, own, total);
            own += channels;
        }
        for (int kind : {IDENTITY, AVERAGE})
            for (int t : entering.terms.by_kind[kind]) {
                add_coefficient(cell.term[t].coefficient, channels, own);
                own += channels;
            }
        for (int t : entering.terms.by_kind[CONSTANT]) add_coefficient(cell.term[t].coefficient, channels, total);
    }

    void add_coefficient(int index, int channels, const double* by_channel) const {
        if (index < 0) return;
        for (int c = 0; c < channels; c++) cell.coefficient_gradient[index] += by_channel[c];
    }

    // product: the sum of g * z by channel, total: of g.
    void normalise(int q, const double* product, const double* total) {
        const DenseConvolution& own = cell.convolution[q];
        const double weight = coefficient<T>(cell, own.coefficient);
        const DenseShape& shape = cell.shape[own.target];
        const int channels = shape.channels;
        const double count = double(cell.batch) * shape.height * shape.width;
        std::vector<double> slope(3 * channels), by_channel(channels);
        for (int c = 0; c < channels; c++) {
            const double scale = parameter<T>(own.scale, c, 1), shift = parameter<T>(own.shift, c, 0);
            const double mean = saved.mean[q][c], reciprocal = saved.reciprocal[q][c];
            const double normalised = reciprocal * (product[c] - mean * total[c]);  // the sum of g * normalised z
            by_channel[c] = scale * normalised + shift * total[c];
            if (own.scale_gradient) static_cast<T*>(own.scale_gradient)[c] = T(weight * normalised);
            if (own.shift_gradient) static_cast<T*>(own.shift_gradient)[c] = T(weight * total[c]);
            const double c1 = weight * scale * reciprocal;
            const double c2 = own.batch_statistics ? -c1 * reciprocal * normalised / count : 0;
            slope[c] = c1;
            slope[channels + c] = c2;
            slope[2 * channels + c] = own.batch_statistics ? -c1 * total[c] / count - c2 * mean : 0;
        }
        add_coefficient(own.coefficient, channels, by_channel.data());
        const Flat<T>& laid = flat[own.target];
        slopes[q] = Buffer<T>(3 * laid.tiled());
        for (int k = 0; k < 3; k++) lay_out(laid, &slope[k * channels], slopes[q].data() + k * laid.tiled());
    }

    // What reaches a state from the states that it is a term of, beside its convolutions.
    class Leaving {
    public:
        Leaving(const DenseBackward& pass, int source, const Average<T>& average)
            : pass(pass), source(source), average(average), identities(pass.flat[source]), averages(pass.flat[source]) {
            for (int t = 0; t < pass.cell.terms; t++) {
                const DenseTerm& term = pass.cell.term[t];
                if (term.source != source || term.kind == CONSTANT || term.kind == BYPASS) continue;
                if (term.kind == HALVED) halved.push_back(term.target);
                else (term.kind == AVERAGE ? averages : identities)
                        .add(pass.gradients[term.target], coefficient<T>(pass.cell, term.coefficient));
            }
        }

        // out = the gradient of image `image`; `inner`: that of what convolutions read of it, nullptr: none. `rectified`:
        // whether they read positive values alone.
        void add(int image, const T* inner, bool rectified, const Images& images, T* out) const {
            const size_t at = image * pass.saved.values[source];
            const T* pooled = pool(image, images);
            if (!inner) return identities.sum(at, nullptr, pooled, out);
            if (!identities.empty()) identities.sum(at, nullptr, pooled, images.more.data());
            const T* more = identities.empty() ? pooled : images.more.data();
            relu_backward(pass.flat[source], rectified ? pass.saved.states[source] + at : nullptr, inner, more, out);
        }

    private:
        // What comes through averages, nullptr: nothing.
        const T* pool(int image, const Images& images) const {
            const T* found = nullptr;
            if (!averages.empty()) {
                averages.sum(image * pass.saved.values[source], nullptr, nullptr, images.more.data());
                average.backward(images.more.data(), images.pooled.data(), images.row.data());
                found = images.pooled.data();
            }
            const DenseShape& shape = pass.cell.shape[source];
            for (int target : halved) {
                const T* g = pass.gradients[target] + image * pass.saved.values[target];
                Halving<T>(shape.height, shape.width, shape.channels).backward(g, found != nullptr, images.pooled.data());
                found = images.pooled.data();
            }
            return found;
        }

        const DenseBackward& pass;
        const int source;
        const Average<T>& average;
        Terms<T> identities, averages;
        std::vector<int> halved;  // targets
    };

    const DenseCell& cell;
    const DenseSaved<T> saved;
    const std::vector<Flat<T>> flat;  // of states
    const Chunks chunks;
    std::vector<Buffer<T>> buffers;
    std::vector<T*> gradients;      // of states, what of them is mixed
    std::vector<T*> others;         // of what goes by into states, the mixed channels zero
    std::vector<Buffer<T>> slopes;  // of convolutions, c1, c2 and c3 laid out
};

}  // namespace darts::dense

#include "dense_whole.h"
