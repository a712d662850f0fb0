// The part of dense_backward.h, which includes it, that is about partial channels.
#pragma once

namespace darts::dense {

// The gradient of all channels of a state, where only some are mixed.
template <class T> class DenseBackward<T>::Whole {
public:
    Whole(const DenseBackward& pass, int s)
        : pass(pass), s(s), part(pass.flat[s]), flat(part.values * pass.cell.divisor, part.channels * pass.cell.divisor),
          partial(part.values / part.channels, part.channels, pass.cell.divisor), leaving(flat) {
        for (int t = 0; t < pass.cell.terms; t++) {
            const DenseTerm& term = pass.cell.term[t];
            if (term.kind != BYPASS) continue;
            if (term.source == s) leaving.add(pass.others[term.target], coefficient<T>(pass.cell, term.coefficient));
            if (term.target == s) entering.push_back(t);
        }
    }

    // Sums of a chunk, those of `multiply`.
    size_t sums() const { return entering.size() * flat.channels; }

    // From the gradient of the mixed channels and those of later states to the gradient of an image, and what it is
    // to the mixed channels and to the others of the state's own sum.
    void add(int image, const Images& images) const {
        const size_t at = image * size_t(flat.values);
        const T* found = static_cast<const T*>(pass.cell.output_gradient) + at;
        if (s < pass.cell.states - 1) {
            T* out = s ? images.whole.data() : static_cast<T*>(pass.cell.input_gradient) + at;
            leaving.sum(at, nullptr, nullptr, out);
            partial.add(images.part.data(), out);
            found = out;
        }
        if (s) partial.unshuffle(found, pass.gradients[s] + image * size_t(part.values), pass.others[s] + at);
    }

    // Sums over the products of an image's gradient of the others with the states that they come from.
    void multiply(int image, double* sums) const {
        const size_t at = image * size_t(flat.values);
        std::vector<const T*> x;
        std::vector<double*> out;
        for (size_t k = 0; k < entering.size(); k++) {
            x.push_back(pass.saved.wholes[pass.cell.term[entering[k]].source] + at);
            out.push_back(sums + k * flat.channels);
        }
        if (!x.empty()) products(flat, x.data(), int(x.size()), pass.others[s] + at, out.data(), nullptr);
    }

    void add_up(const double* sums) const {
        for (size_t k = 0; k < entering.size(); k++)
            pass.add_coefficient(pass.cell.term[entering[k]].coefficient, flat.channels, sums + k * flat.channels);
    }

private:
    const DenseBackward& pass;
    const int s;
    const Flat<T>& part;
    const Flat<T> flat;
    const Partial<T> partial;
    Terms<T> leaving;
    std::vector<int> entering;
};

}  // namespace darts::dense
