// Through sums and normalisations. The gradient of a normalised map is three coefficients a channel, c1 · g + c2 · x +
// c3, once Σ g and Σ g · x are known.
#pragma once
#include "backward_state.h"

namespace darts {

template <class T> struct BackwardNorms : BackwardState<T> {
    using Base = BackwardState<T>;
    using Base::Base;
    using Base::behind, Base::behind_sums_of, Base::factors, Base::node, Base::node_sum, Base::products_of, Base::to;
    using Base::blocks, Base::lanes, Base::plan, Base::V, Base::count, Base::mask_of, Base::term_factors;

    // Σ g and Σ g · x of a term, masked.
    void add_term_products(int k, int image, int chunk) {
        const Term& t = plan.terms[k];
        double* sums = products_of(chunk, k);
        const double mask = mask_of(t, image);
        if (mask == 0) return;
        for (int c = 0; c < lanes; c++) sums[c] += mask * node_sum(t.node, image)[c];
        if (t.unit == CONSTANT) return;
        const T* x = t.unit == IDENTITY ? this->state(t.source, image) : this->map(t.unit, image);
        const long pixels = plan.sizes[t.node].pixels();
        if (mask == 1) return add_products(node(t.node, image), x, pixels, blocks, sums + lanes);
        double found[16 * 64];
        for (int block = 0; block < blocks; block++) {
            std::fill_n(found, V, 0.0);
            add_products(node(t.node, image) + block * pixels * V, x + block * pixels * V, pixels, 1, found);
            for (int lane = 0; lane < V; lane++) sums[lanes + block * V + lane] += mask * found[lane];
        }
    }

    // Through a normalisation of factor a behind it: what Σ g and Σ g · x give.
    struct Normalised {
        double of_scale, of_shift, c1, c2, c3;
    };
    Normalised through(int m, int c, double sum, double product) const {
        const Norm& norm = plan.norms[m];
        const double rate = this->rates[m][c], mean = this->means[m][c], a = this->scale_of(m, c) * rate;
        const double n = (double)plan.batch * plan.units[norm.unit].out.pixels(), q = rate * (product - mean * sum);
        const double c2 = norm.of_batch ? -a * rate * q / n : 0;
        return {q, sum, a, c2, norm.of_batch ? -a * sum / n - c2 * mean : 0};
    }

    // The gradients of a term's gate and normalisation, and the coefficients of its map's.
    void back_through_term(int k) {
        const Term& t = plan.terms[k];
        const double gate = this->gate(t);
        double of_gate = 0;
        for (int c = 0; c < plan.channels; c++) {
            double sum = 0, product = 0;
            for (int chunk = 0; chunk < this->chunks.count; chunk++) {
                sum += products_of(chunk, k)[c];
                product += products_of(chunk, k)[lanes + c];
            }
            if (t.norm < 0) {
                of_gate += t.unit == CONSTANT ? sum : product;
                term_factors[(size_t)k * lanes + c] = gate;
                continue;
            }
            const Normalised back = through(t.norm, c, sum, product);
            of_gate += this->scale_of(t.norm, c) * back.of_scale + this->shift_of(t.norm, c) * back.of_shift;
            give_norm(t.norm, c, gate * back.of_scale, gate * back.of_shift);
            term_factors[(size_t)k * lanes + c] = gate * back.c1;
            factors(t.unit, 1)[c] += gate * back.c2;
            factors(t.unit, 2)[c] += gate * back.c3;
        }
        for (int c = plan.channels; c < lanes; c++) term_factors[(size_t)k * lanes + c] = 0;
        if (t.gate >= 0) to.gates[t.gate] += of_gate;
    }

    void give_norm(int m, int c, double of_scale, double of_shift) {
        if (T* scale = static_cast<T*>(to.norms[2 * m])) scale[c] = of_scale;
        if (T* shift = static_cast<T*>(to.norms[2 * m + 1])) shift[c] = of_shift;
    }

    // The same for a unit that another one reads.
    void back_through_inner_norm(int u) {
        const int m = plan.units[u].norm;
        for (int c = 0; c < lanes; c++) {
            double sum = 0, product = 0;
            for (int chunk = 0; chunk < this->chunks.count; chunk++) {
                sum += behind_sums_of(chunk, u)[c];
                product += behind_sums_of(chunk, u)[lanes + c];
            }
            const Normalised back = c < plan.channels ? through(m, c, sum, product) : Normalised{};
            factors(u, 0)[c] = back.c1, factors(u, 1)[c] = back.c2, factors(u, 2)[c] = back.c3;
            if (c < plan.channels) give_norm(m, c, back.of_scale, back.of_shift);
        }
    }

    void add_behind_sums(int u, int image, int chunk) {
        const long pixels = plan.units[u].out.pixels();
        const T* g = behind[u] + image * count(plan.units[u].out);
        add_products<T>(g, nullptr, pixels, blocks, behind_sums_of(chunk, u));
        add_products<T>(g, this->map(u, image), pixels, blocks, behind_sums_of(chunk, u) + lanes);
    }

    // The terms of the gradient of a unit's map: c1 · g of every node that it enters, or of what is behind it, c2 · x.
    int map_terms(int u, int image, Scaled<T>* terms, char*& place) const {
        int n = 0;
        if (behind[u]) terms[n++] = {behind[u] + image * count(plan.units[u].out), factors(u, 0)};
        for (size_t k = 0; k < plan.terms.size(); k++)
            if (plan.terms[k].unit == u) add_gradient(k, image, terms, n, place);
        terms[n++] = {this->map(u, image), factors(u, 1)};
        return n;
    }

    // mask · c1 · g of a term.
    void add_gradient(size_t k, int image, Scaled<T>* terms, int& n, char*& place) const {
        const Term& t = plan.terms[k];
        const double mask = mask_of(t, image);
        const T* coefficients = term_factors + k * lanes;
        if (mask != 1) {
            T* masked = take<T>(place, lanes);
            for (int c = 0; c < lanes; c++) masked[c] = mask * coefficients[c];
            coefficients = masked;
        }
        terms[n++] = {node(t.node, image), coefficients};
    }
};

}  // namespace darts
