// The backward pass of a cell: the source states from the last to the first, of each its units from the last level to
// the first.
#include <algorithm>
#include <utility>

#include "backward_units.h"

namespace darts {
namespace {

template <class T> struct Backward : BackwardUnits<T> {
    using Base = BackwardUnits<T>;
    using Base::Base;
    using Base::blocks, Base::lanes, Base::plan, Base::V, Base::count, Base::to, Base::scratch, Base::partial_of;
    using Base::factors, Base::node, Base::node_sum, Base::taps, Base::matrices, Base::weights_count, Base::is_kept;
    using Base::add_term_products, Base::back_through_term, Base::back_through_inner_norm, Base::back_to_unit;
    using Base::products, Base::behind_sums, Base::node_sums, Base::output, Base::add_behind_sums, Base::back_to_raw;
    using Base::back_through_matrix, Base::map_terms, Base::add_gradient;

    void run() {
        const size_t many = this->chunks.count, units = plan.units.size(), terms = plan.terms.size();
        parallel((int)units, this->threads, [&](int u, int) { pack(u); });
        std::fill_n(to.gates, plan.gates, 0.0);
        std::fill_n(products, many * terms * 2 * lanes, 0.0);
        std::fill_n(behind_sums, many * units * 2 * lanes, 0.0);
        std::fill_n(node_sums, (size_t)plan.states * plan.batch * lanes, 0.0);
        for (int s = plan.states - 1; s >= 0; s--) {
            const bool wanted = s >= plan.inputs || to.inputs[s] || to.wants_weights;
            for (int level = plan.levels(s) - 1; wanted && level > 0; level--) {
                const auto chosen = plan.units_at(s, level);
                clear_partial(chosen);
                for_images(*this, [&](int image, int chunk, int worker) {
                    for (int u : chosen) back_to_unit(u, image, chunk, scratch[worker]);
                });
                for (int u : chosen) back_through_inner_norm(plan.units[u].input);
                finish_weights(chosen);
            }
            const auto chosen = plan.units_at(s, 0), next = plan.terms_from(s - 1);
            clear_partial(chosen);
            for_images(*this, [&](int image, int chunk, int worker) {
                if (wanted) back_to_state(s, chosen, image, chunk, scratch[worker]);
                for (int t : next) add_term_products(t, image, chunk);
            });
            finish_weights(chosen);
            if (wanted && s < plan.inputs && plan.projection(s) >= 0) back_to_input(plan.projection(s));
            for (int u = 0; u < (int)units; u++)
                if (plan.units[u].source == s - 1) std::fill_n(factors(u, 0), 3 * lanes, T(0));
            for (int t : next) back_through_term(t);
        }
    }

    void pack(int u) {
        const Unit& unit = plan.units[u];
        if (unit.operation == STAGE) this->pack_taps(u, taps[u]);
        if (unit.is_matrix()) this->pack_matrix(u, matrices[u], false);
    }

    // Through a projection, whose state's gradient is known.
    void back_to_input(int u) {
        back_through_inner_norm(u);
        clear_partial({u});
        for_images(*this, [&](int image, int chunk, int worker) { back_to_raw(u, image, chunk, scratch[worker]); });
        finish_weights({u});
    }

    // The gradient of a state: of the output, of all units that begin at it and of the terms that it is itself.
    void back_to_state(int s, const std::vector<int>& units, int image, int chunk, char* place) {
        const Size size = plan.sizes[s];
        const long pixels = size.pixels();
        T* g = is_kept(s) ? node(s, image) : take<T>(place, count(size));
        begin_gradient(s, image, g);
        const bool padded = std::any_of(units.begin(), units.end(), [&](int u) { return plan.units[u].is_matrix(); });
        if (padded) {
            const int pad = plan.pad_of(units);
            const Padded<T> x = {take<T>(place, padded_count<T>(size, pad, blocks)), size, pad};
            const Padded<T> gx = {take<T>(place, padded_count<T>(size, pad, blocks)), size, pad};
            this->pad_input(plan.units[units[0]], image, x, nullptr);
            bool first = true;
            for (int u : units)
                if (plan.units[u].is_matrix())
                    back_through_matrix(u, image, chunk, x, gx, std::exchange(first, false), place);
            add_unpadded(x, gx, g);
        }
        for (int u : units)
            if (!plan.units[u].is_matrix()) back_through_pool(u, image, g, place);
        add_identities(s, image, g, place);
        if (s >= plan.inputs) return add_products<T>(g, nullptr, pixels, blocks, node_sum(s, image));
        if (is_kept(s)) return add_behind_sums(plan.projection(s), image, chunk);
        if (T* gx = static_cast<T*>(to.inputs[s]))
            from_blocks(g, gx + image * pixels * plan.channels, (long)plan.channels, pixels, plan.channels);
    }

    void begin_gradient(int s, int image, T* g) const {
        const long pixels = plan.sizes[s].pixels(), step = (long)plan.slots * plan.channels;
        if (plan.slot[s] < 0)
            std::fill_n(g, count(plan.sizes[s]), T(0));
        else
            to_blocks(output + image * pixels * step + plan.slot[s] * plan.channels, step, g, pixels, plan.channels);
    }

    void add_unpadded(const Padded<T>& x, const Padded<T>& gx, T* g) const {
        for (int block = 0; block < blocks; block++)
            for (int i = 0; i < x.size.height; i++) {
                const T *xs = x.at(block, i, 0), *gs = gx.at(block, i, 0);
                for (int j = 0; j < x.size.width; j++, g += V)
                    store(g, load(g) + passed<T>(load(gs + j * V), load(xs + j * V)));
            }
    }

    void back_through_pool(int u, int image, T* g, char* place) const {
        const Unit& unit = plan.units[u];
        Scaled<T>* terms = take<Scaled<T>>(place, plan.terms.size() + 2);
        T* gy = take<T>(place, count(unit.out));
        const int n = map_terms(u, image, terms, place);
        sum_maps(terms, n, factors(u, 2), unit.out.pixels(), blocks, gy);
        const long in = unit.in.pixels() * V, out = unit.out.pixels() * V;
        for (int block = 0; block < blocks; block++)
            if (unit.largest)
                max_pool_back<T>(gy + block * out, this->place(u, image) + block * out, unit.out, unit.kernel.stride,
                                 g + block * in, unit.in);
            else
                average_pool_back<T>(gy + block * out, unit.out, unit.kernel.stride, g + block * in, unit.in);
    }

    void add_identities(int s, int image, T* g, char* place) const {
        Scaled<T>* terms = take<Scaled<T>>(place, plan.terms.size() + 2);
        T* ones = take<T>(place, lanes);
        std::fill_n(ones, lanes, T(1));
        int n = 0;
        terms[n++] = {g, ones};
        for (size_t k = 0; k < plan.terms.size(); k++)
            if (plan.terms[k].source == s && plan.terms[k].unit == IDENTITY) add_gradient(k, image, terms, n, place);
        if (n > 1) sum_maps<T>(terms, n, nullptr, plan.sizes[s].pixels(), blocks, g);
    }

    void clear_partial(const std::vector<int>& units) {
        if (!to.wants_weights) return;
        parallel(this->chunks.count, this->threads, [&](int chunk, int) {
            for (int u : units) std::fill_n(partial_of(chunk, u), weights_count(plan.units[u]), T(0));
        });
    }

    // Adds the chunks' gradients and lays them out as the weights are.
    void finish_weights(const std::vector<int>& units) {
        if (!to.wants_weights) return;
        parallel((int)units.size(), this->threads, [&](int index, int) {
            const int u = units[index], channels = plan.channels;
            const Unit& unit = plan.units[u];
            const size_t n = weights_count(unit);
            T* sum = partial_of(0, u);
            for (int chunk = 1; chunk < this->chunks.count; chunk++)
                for (size_t i = 0; i < n; i++) sum[i] += partial_of(chunk, u)[i];
            const int k = unit.operation == STAGE ? unit.kernel.taps() : 0;
            if (T* of_taps = static_cast<T*>(to.weights[3 * u]))
                for (int c = 0; c < channels; c++)
                    for (int i = 0; i < k; i++) of_taps[(long)c * k + i] = sum[((long)(c / V) * k + i) * V + c % V];
            const int even = this->evens(unit), columns = this->in_blocks(unit) * V, in = unit.in_channels;
            for (int o = 0; unit.is_matrix() && o < channels; o++) {
                const int copy = o < even ? 0 : 1;
                T* of_matrix = static_cast<T*>(to.weights[3 * u + 1 + copy]);
                const T* from = sum + this->taps_count(unit) + (long)o * columns + copy * columns / 2;
                if (of_matrix) std::copy_n(from, in, of_matrix + (long)(copy ? o - even : o) * in);
            }
        });
    }
};

template <class T>
void backward(const int64_t* numbers, const double* reals, const Pointers& pointers, const void* gates, char* saved,
              char* work, const void* output, const Gradients& gradients, int threads) {
    const Plan plan(numbers, reals);
    Backward<T>(plan, pointers, static_cast<const T*>(gates), saved, work, static_cast<const T*>(output), gradients,
                threads)
        .run();
}

template <class T> void size(const int64_t* numbers, const double* reals, int threads, int64_t* bytes) {
    const Plan plan(numbers, reals);
    char* const nowhere = reinterpret_cast<char*>(ALIGNMENT);
    *bytes = (int64_t)Backward<T>(plan, {}, nullptr, nowhere, nowhere, nullptr, {}, threads).used;
}

}  // namespace
}  // namespace darts

extern "C" {
// bytes: of what the backward pass needs besides what was saved.
void cell_backward_bytes(int is_double, const int64_t* numbers, const double* reals, int threads, int64_t* bytes) {
    (is_double ? darts::size<double> : darts::size<float>)(numbers, reals, threads, bytes);
}

void cell_backward(int is_double, const int64_t* numbers, const double* reals, const darts::Pointers* pointers,
                   const void* gates, char* saved, char* work, const void* output, const darts::Gradients* gradients,
                   int threads) {
    (is_double ? darts::backward<double> : darts::backward<float>)(numbers, reals, *pointers, gates, saved, work,
                                                                   output, *gradients, threads);
}
}
