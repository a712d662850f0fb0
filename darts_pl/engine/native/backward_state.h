// Where everything lies that the backward pass of a cell needs besides what was saved.
#pragma once
#include "pass.h"
#include "sums.h"

namespace darts {

struct Gradients {
    void* const* inputs;   // of every input (null where it is not wanted), channels-last
    double* gates;         // of every gate
    void* const* weights;  // of every unit: taps, matrix, second matrix
    void* const* norms;    // of every norm: scale, shift; null where it has none
    int64_t wants_weights;
};

template <class T> struct BackwardState : Pass<T> {
    using Base = Pass<T>;
    using Base::blocks, Base::lanes, Base::plan, Base::V, Base::count;
    const Gradients& to;
    const T* output;                 // the gradient of the output
    std::vector<T*> taps, matrices;  // packed, of every unit; its matrix [outputs][inputs]
    std::vector<T*> nodes;           // the gradients of the states that are nodes or made of an input
    std::vector<T*> behind;          // of every unit: the gradient of its normalised map, where another unit reads it
    std::vector<T*> partial;         // of every unit: the gradients of its weights in every chunk
    double *node_sums, *products;    // [states][batch][lanes]: Σ g; [chunks][terms][2][lanes]: Σ g, Σ g · x
    double* behind_sums;             // [chunks][units][2][lanes]: the same of `behind`
    T *term_factors, *unit_factors;  // c1 [terms][lanes]; c1 of `behind`, c2, c3 [units][3][lanes]
    std::vector<char*> scratch;  // of every worker
    size_t used;                 // bytes of `work`

    BackwardState(const Plan& plan, const Pointers& pointers, const T* gates, char* saved, char* work, const T* output,
             const Gradients& to, int threads)
        : Base(plan, pointers, gates, saved, threads), to(to), output(output) {
        char* place = work;
        const size_t units = plan.units.size(), terms = plan.terms.size(), many = this->chunks.count;
        for (const Unit& u : plan.units) {
            taps.push_back(take<T>(place, this->taps_count(u)));
            matrices.push_back(take<T>(place, this->matrix_count(u)));
        }
        for (int s = 0; s < plan.states; s++)
            nodes.push_back(is_kept(s) ? take<T>(place, plan.batch * count(plan.sizes[s])) : nullptr);
        node_sums = take<double>(place, (size_t)plan.states * plan.batch * lanes);
        products = take<double>(place, many * terms * 2 * lanes);
        behind_sums = take<double>(place, many * units * 2 * lanes);
        term_factors = take<T>(place, terms * lanes);
        unit_factors = take<T>(place, units * 3 * lanes);
        behind.resize(units);
        partial.resize(units);
        char *const shared = place, *end = place;  // what is of one source alone
        for (int s = 0; s < plan.states; s++) {
            place = shared;
            for (size_t u = 0; u < units; u++)
                if (plan.units[u].source == s) {
                    const Unit& unit = plan.units[u];
                    if (unit.input == RAW)
                        behind[u] = nodes[s];
                    else if (unit.norm >= 0)
                        behind[u] = take<T>(place, plan.batch * count(unit.out));
                    partial[u] = take<T>(place, many * weights_count(unit));
                }
            end = std::max(end, place);
        }
        place = end;
        for (int w = 0; w < this->workers; w++) scratch.push_back(take<char>(place, scratch_bytes()));
        used = place - work;
    }

    bool is_kept(int s) const { return s >= plan.inputs || plan.projection(s) >= 0; }

    size_t weights_count(const Unit& u) const { return this->taps_count(u) + this->matrix_count(u); }

    size_t scratch_bytes() const {
        size_t padded = 0, strip = 0, input = 0;
        for (int s = 0; s < plan.states; s++) {
            input = std::max(input, (size_t)count(plan.sizes[s]));
            for (int level = -1; level < plan.levels(s); level++) {
                const auto units = plan.units_at(s, level);
                for (int u : units) {
                    const Unit& unit = plan.units[u];
                    if (level >= 0) padded = std::max(padded, padded_count<T>(unit.in, plan.pad_of(units), blocks));
                    const int most = std::max(this->in_blocks(unit), blocks);
                    strip = std::max(strip, (size_t)this->rows(unit) * unit.out.width * most * V);
                    input = std::max(input, (size_t)count(unit.out));  // the gradient of a pooled map
                }
            }
        }
        const size_t terms = plan.terms.size() + 2;
        const size_t sums = aligned(terms * sizeof(Scaled<T>)) + terms * aligned(lanes * sizeof(T));
        return 3 * aligned(padded * sizeof(T)) + 3 * aligned(strip * sizeof(T)) + 2 * aligned(input * sizeof(T)) +
               aligned(2 * lanes * sizeof(T)) + sums;
    }

    T* node(int s, int image) const { return nodes[s] + image * count(plan.sizes[s]); }
    double* node_sum(int s, int image) const { return node_sums + ((size_t)s * plan.batch + image) * lanes; }
    double* products_of(int chunk, int t) const {
        return products + ((size_t)chunk * plan.terms.size() + t) * 2 * lanes;
    }
    double* behind_sums_of(int chunk, int u) const {
        return behind_sums + ((size_t)chunk * plan.units.size() + u) * 2 * lanes;
    }
    T* factors(int u, int which) const { return unit_factors + ((size_t)u * 3 + which) * lanes; }
    T* partial_of(int chunk, int u) const { return partial[u] + chunk * weights_count(plan.units[u]); }
    double mask_of(const Term& t, int image) const { return t.mask < 0 ? 1.0 : (double)this->mask(t.mask)[image]; }
};

}  // namespace darts
