// A cell of dense convolutions backward, from the last state to the input. The gradient of a state is computed image by
// image, and multiplied with the state's terms while it lies in the cache: that gives the gradients of coefficients and
// what the backward pass of normalisation needs.
#pragma once
#include "average.h"
#include "dense_saved.h"
#include "dense_state.h"

namespace darts::dense {

template <class T> class DenseBackward {
public:
    explicit DenseBackward(const DenseCell& cell)
        : cell(cell), saved(cell), flat(int(saved.values), cell.channels),
          average(cell.height, cell.width, cell.channels), chunks(cell.batch), slopes(cell.convolutions) {
        const size_t tensor = cell.batch * saved.values;
        for (int s = 0; s < cell.states; s++) {
            const bool own = s > 0 && s < cell.states - 1;
            const size_t shift = (cell.convolutions + s) * STAGGER / sizeof(T);
            buffers.emplace_back(own ? tensor + shift : 0);
            gradients.push_back(own ? buffers.back().data() + shift : nullptr);
        }
        gradients[cell.states - 1] = static_cast<T*>(const_cast<void*>(cell.output_gradient));
        gradients[0] = static_cast<T*>(cell.input_gradient);
    }

    void run() {
        for (int s = cell.states - 1; s >= 0; s--) pass(s);
    }

private:
    void pass(int s) {
        const DenseState<T> state(cell, s);
        const Entering entering(cell, saved, s);
        const Leaving leaving(*this, s);
        const bool weights = wants_weights(state), needed = gradients[s] != nullptr, given = s == cell.states - 1;
        const Buffer<T> packed = state.packed(true);
        const size_t weight_values = weights ? state.values_packed(false) : 0;
        Buffer<T> by_chunk(chunks.count * weight_values, true);
        const size_t sums = (entering.count() + 1) * cell.channels;
        Buffer<double> sums_by_chunk(chunks.count * sums, true);
        std::vector<DenseWork<T>> works;
        std::vector<Images> images;
        for (int worker = 0; worker < cell.threads; worker++) {
            works.emplace_back(state, true);
            images.emplace_back(*this);
        }
        for_images(chunks, cell.threads, (cell.states - s) % 2, [&](int image, int chunk, int worker) {
            const Images& own = images[worker];
            T* of_weights = weights ? by_chunk.data() + chunk * weight_values : nullptr;
            if (!state.empty() && (needed || weights))
                convolve(state, works[worker], image, needed ? packed.data() : nullptr, own.inner.data(), of_weights);
            if (!given && needed) leaving.add(image, state.empty() ? nullptr : own.inner.data(), own);
            if (s > 0) multiply(entering, s, image, own, sums_by_chunk.data() + chunk * sums);
        });
        if (weights) add_up_weights(state, by_chunk.data(), weight_values);
        if (s > 0) add_up_sums(entering, sums_by_chunk.data(), sums);
    }

    // What a thread works in beside its grids.
    struct Images {
        Buffer<T> inner, more, pooled, row;

        explicit Images(const DenseBackward& pass)
            : inner(pass.saved.values), more(pass.saved.values), pooled(pass.saved.values),
              row(pass.average.work(), true) {}
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
            for (int t : terms.identities) direct.push_back(saved.states[cell.term[t].source]);
            for (int t : terms.averages) averaged.push_back(saved.states[cell.term[t].source]);
        }
        size_t count() const { return direct.size() + averaged.size(); }
    };

    // Gradients of one image through the convolutions that read a state: of its positive values into `out` where there
    // are packed weights, of the packed weights added to `weights` unless it is nullptr.
    void convolve(const DenseState<T>& state, const DenseWork<T>& work, int image, const T* packed, T* out, T* weights) {
        const size_t at = image * saved.values;
        const Grid& grid = state.outputs;
        const int row = grid.width * grid.channels;
        for (const DenseBank<T>& bank : state.banks)
            for (size_t m = 0; m < bank.members.size(); m++) {
                const int q = bank.members[m];
                T* into = work.gradients.data() + bank.grids + m * grid.size() + grid.origin();
                const T* g = gradients[cell.convolution[q].target] + at;
                normalisation_into(flat, g, saved.z[q] + at, slopes[q].data(), grid.height, row, into, grid.row());
            }
        if (packed) backward_of_image(state, work, packed, out);
        if (!weights) return;
        const Grid& inputs = state.inputs;
        const T* x = saved.states[cell.convolution[state.banks[0].members[0]].source] + at;
        relu_into(x, inputs.height, row, work.inputs.data() + inputs.origin(), inputs.row());
        weights_of_image(state, work, weights);
    }

    // Sums of one image over the products of a state's gradient with its terms, behind them that of the gradient.
    void multiply(const Entering& entering, int s, int image, const Images& images, double* sums) {
        const size_t at = image * saved.values;
        const T* g = gradients[s] + at;
        double* total = sums + entering.count() * cell.channels;
        sums = multiply(entering.direct, at, g, sums, total);
        if (entering.averaged.empty()) return;
        average.backward(g, images.pooled.data(), images.row.data());
        multiply(entering.averaged, at, images.pooled.data(), sums, nullptr);
    }

    double* multiply(const std::vector<const T*>& tensors, size_t at, const T* g, double* sums, double* total) {
        std::vector<const T*> x;
        std::vector<double*> out;
        for (const T* tensor : tensors) {
            x.push_back(tensor + at);
            out.push_back(sums);
            sums += cell.channels;
        }
        products(flat, x.data(), int(x.size()), g, out.data(), total);
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
    void add_up_sums(const Entering& entering, double* by_chunk, size_t sums) {
        for (int chunk = 1; chunk < chunks.count; chunk++)
            for (size_t v = 0; v < sums; v++) by_chunk[v] += by_chunk[chunk * sums + v];
        const double* total = by_chunk + sums - cell.channels;
        const double* own = by_chunk;
        for (int q : entering.terms.convolutions) {
            normalise(q, own, total);
            own += cell.channels;
        }
        for (const std::vector<int>* terms : {&entering.terms.identities, &entering.terms.averages})
            for (int t : *terms) {
                add_coefficient(cell.term[t].coefficient, own);
                own += cell.channels;
            }
        for (int t : entering.terms.constants) add_coefficient(cell.term[t].coefficient, total);
    }

    void add_coefficient(int index, const double* by_channel) {
        if (index < 0) return;
        for (int c = 0; c < cell.channels; c++) cell.coefficient_gradient[index] += by_channel[c];
    }

    // product: the sum of g * z by channel, total: of g.
    void normalise(int q, const double* product, const double* total) {
        const DenseConvolution& own = cell.convolution[q];
        const double weight = coefficient<T>(cell, own.coefficient);
        const double count = double(cell.batch) * cell.height * cell.width;
        std::vector<double> slope(3 * cell.channels), by_channel(cell.channels);
        for (int c = 0; c < cell.channels; c++) {
            const double scale = parameter<T>(own.scale, c, 1), shift = parameter<T>(own.shift, c, 0);
            const double mean = saved.mean[q][c], reciprocal = saved.reciprocal[q][c];
            const double normalised = reciprocal * (product[c] - mean * total[c]);  // the sum of g * normalised z
            by_channel[c] = scale * normalised + shift * total[c];
            if (own.scale_gradient) static_cast<T*>(own.scale_gradient)[c] = T(weight * normalised);
            if (own.shift_gradient) static_cast<T*>(own.shift_gradient)[c] = T(weight * total[c]);
            const double c1 = weight * scale * reciprocal;
            const double c2 = own.batch_statistics ? -c1 * reciprocal * normalised / count : 0;
            slope[c] = c1;
            slope[cell.channels + c] = c2;
            slope[2 * cell.channels + c] = own.batch_statistics ? -c1 * total[c] / count - c2 * mean : 0;
        }
        add_coefficient(own.coefficient, by_channel.data());
        slopes[q] = Buffer<T>(3 * flat.tiled());
        for (int k = 0; k < 3; k++) lay_out(flat, &slope[k * cell.channels], slopes[q].data() + k * flat.tiled());
    }

    // What reaches a state from the states that it is a term of, beside its convolutions.
    class Leaving {
    public:
        Leaving(const DenseBackward& pass, int source)
            : pass(pass), source(source), identities(pass.flat), averages(pass.flat) {
            for (int t = 0; t < pass.cell.terms; t++) {
                const DenseTerm& term = pass.cell.term[t];
                if (term.source != source || term.kind == CONSTANT) continue;
                Terms<T>& terms = term.kind == AVERAGE ? averages : identities;
                terms.add(pass.gradients[term.target], coefficient<T>(pass.cell, term.coefficient));
            }
        }

        // The gradient of image `image`; `inner`: that of its positive values, nullptr: none.
        void add(int image, const T* inner, const Images& images) const {
            const size_t at = image * pass.saved.values;
            const T* pooled = nullptr;
            if (!averages.empty()) {
                averages.sum(at, nullptr, nullptr, images.more.data());
                pass.average.backward(images.more.data(), images.pooled.data(), images.row.data());
                pooled = images.pooled.data();
            }
            T* out = pass.gradients[source] + at;
            if (!inner) return identities.sum(at, nullptr, pooled, out);
            if (!identities.empty()) identities.sum(at, nullptr, pooled, images.more.data());
            const T* more = identities.empty() ? pooled : images.more.data();
            relu_backward(pass.flat, pass.saved.states[source] + at, inner, more, out);
        }

    private:
        const DenseBackward& pass;
        const int source;
        Terms<T> identities, averages;
    };

    const DenseCell& cell;
    const DenseSaved<T> saved;
    const Flat<T> flat;
    const Average<T> average;
    const Chunks chunks;
    std::vector<Buffer<T>> buffers;
    std::vector<T*> gradients;      // of states
    std::vector<Buffer<T>> slopes;  // of convolutions, c1, c2 and c3 laid out
};

}  // namespace darts::dense
