// The backward pass of a cell: the source states from the last to the first, of each its units from the last level to
// the first. The gradient of a normalised map is three coefficients a channel, c1 · g + c2 · x + c3, once Σ g and Σ g · x
// are known; what a depthwise convolution gave is computed anew.
#include <algorithm>
#include <utility>

#include "pass.h"
#include "pointwise.h"
#include "sums.h"

namespace darts {
namespace {

struct Gradients {
    void* const* inputs;   // of every input (null where it is not wanted), channels-last
    double* gates;         // of every gate
    void* const* weights;  // of every unit: taps, matrix, second matrix
    void* const* norms;    // of every norm: scale, shift; null where it has none
    int64_t wants_weights;
};

template <class T> struct Backward : Pass<T> {
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
    std::vector<char*> scratch;
    size_t used;

    Backward(const Plan& plan, const Pointers& pointers, const T* gates, char* saved, char* work, const T* output,
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
        for (int w = 0; w < threads; w++) scratch.push_back(take<char>(place, scratch_bytes()));
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
                    strip = std::max(strip, (size_t)this->rows(unit) * unit.out.width * (this->in_blocks(unit) + 1) * V);
                    strip = std::max(strip, (size_t)this->rows(unit) * unit.out.width * lanes);
                    input = std::max(input, (size_t)count(unit.out));  // the gradient of a pooled map
                }
            }
        }
        const size_t terms = plan.terms.size() + 2;
        return 3 * aligned(padded * sizeof(T)) + 3 * aligned(strip * sizeof(T)) + 2 * aligned(input * sizeof(T)) +
               aligned(2 * lanes * sizeof(T)) + 2 * (aligned(terms * lanes * sizeof(T)) + aligned(terms * sizeof(Scaled<T>)));
    }

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

    T* node(int s, int image) const { return nodes[s] + image * count(plan.sizes[s]); }
    double* node_sum(int s, int image) const { return node_sums + ((size_t)s * plan.batch + image) * lanes; }
    double* products_of(int chunk, int t) const { return products + ((size_t)chunk * plan.terms.size() + t) * 2 * lanes; }
    double* behind_sums_of(int chunk, int u) const {
        return behind_sums + ((size_t)chunk * plan.units.size() + u) * 2 * lanes;
    }
    T* factors(int u, int which) const { return unit_factors + ((size_t)u * 3 + which) * lanes; }
    T* partial_of(int chunk, int u) const { return partial[u] + chunk * weights_count(plan.units[u]); }
    double mask_of(const Term& t, int image) const { return t.mask < 0 ? 1.0 : (double)this->mask(t.mask)[image]; }

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

    // Through a unit whose input is another's map: the gradient of that one's normalised map.
    void back_to_unit(int u, int image, int chunk, char* place) {
        const Unit& unit = plan.units[u];
        const int pad = plan.pad_of({u}), from = unit.input;
        const Padded<T> x = {take<T>(place, padded_count<T>(unit.in, pad, blocks)), unit.in, pad};
        const Padded<T> gx = {take<T>(place, padded_count<T>(unit.in, pad, blocks)), unit.in, pad};
        this->pad_input(unit, image, x, take<T>(place, 2 * lanes));
        back_through_matrix(u, image, chunk, x, gx, true, place);
        T* g = behind[from] + image * count(unit.in);
        unpad(x, gx, g);
        add_behind_sums(from, image, chunk);
    }

    void add_behind_sums(int u, int image, int chunk) {
        const long pixels = plan.units[u].out.pixels();
        const T* g = behind[u] + image * count(plan.units[u].out);
        add_products<T>(g, nullptr, pixels, blocks, behind_sums_of(chunk, u));
        add_products<T>(g, this->map(u, image), pixels, blocks, behind_sums_of(chunk, u) + lanes);
    }

    // Through a projection, whose state's gradient is known.
    void back_to_input(int u) {
        back_through_inner_norm(u);
        clear_partial({u});
        for_images(*this, [&](int image, int chunk, int worker) { back_to_raw(u, image, chunk, scratch[worker]); });
        finish_weights({u});
    }

    void back_to_raw(int u, int image, int chunk, char* place) {
        const Unit& unit = plan.units[u];
        const long size = unit.in.pixels() * unit.in_channels;
        const T* x = this->raw(unit, image);
        T* gx = to.inputs[unit.source] ? static_cast<T*>(to.inputs[unit.source]) + image * size : nullptr;
        if (gx && unit.operation == HALVING) std::fill_n(gx, size, T(0));  // some pixels are read by no output
        for_strips(
            u, image, chunk, place, [&](Rows rows, T* d) { this->gather_raw(unit, image, rows, d); },
            [&](Rows rows, const T* g, T* gd) {
                if (!gx) return;
                const long pixels = (long)rows.count() * unit.out.width;
                multiply<T>({g, pixels, blocks, matrices[u], gd, pixels, this->in_blocks(unit)}, pixels, nullptr);
                this->for_raw(unit, rows, [&](long pixel, int c, int some, long from) {
                    const long at = pixel * unit.in_channels + c;
                    if (pixel >= 0)
                        store_some(gx + at, load_some(x + at, some) > zero<T>() ? load(gd + from) : zero<T>(), some);
                });
            });
    }

    // Strip by strip the gradient g of a unit's map; that of its matrix, where weights' are wanted, by what `fill` puts
    // into d; then body(rows, g, memory for the gradient of d).
    template <class Fill, class Body>
    void for_strips(int u, int image, int chunk, char*& place, Fill&& fill, Body&& body) {
        const Unit& unit = plan.units[u];
        const int step = this->rows(unit), inner = this->in_blocks(unit);
        Scaled<T>* terms = take<Scaled<T>>(place, plan.terms.size() + 2);
        const int n = map_terms(u, image, terms, place);
        const size_t most = (size_t)step * unit.out.width * V;
        T *g = take<T>(place, most * blocks), *d = take<T>(place, most * inner), *gd = take<T>(place, most * inner);
        for (int begin = 0; begin < unit.out.height; begin += step) {
            const Rows rows = {begin, std::min(begin + step, unit.out.height)};
            const long pixels = (long)rows.count() * unit.out.width;
            for (int block = 0; block < blocks; block++)
                sum_block(terms, n, factors(u, 2), (block * unit.out.pixels() + (long)begin * unit.out.width) * V, pixels,
                          block * V, g + block * pixels * V);
            if (to.wants_weights) {
                fill(rows, d);
                T* of_matrix = partial_of(chunk, u) + this->taps_count(unit);
                multiply_weights<T>(g, pixels, blocks, d, pixels, inner, pixels, of_matrix);
            }
            body(rows, g, gd);
        }
    }

    // g = gx where x, behind its ReLU, is more than zero.
    void unpad(const Padded<T>& x, const Padded<T>& gx, T* g) const {
        for (int block = 0; block < blocks; block++)
            for (int i = 0; i < x.size.height; i++) {
                const T *xs = x.at(block, i, 0), *gs = gx.at(block, i, 0);
                for (int j = 0; j < x.size.width; j++, g += V)
                    store(g, load(xs + j * V) > zero<T>() ? load(gs + j * V) : zero<T>());
            }
    }

    // gx += the gradient of a stage's or a halving's padded input, of which this is the `first` one or not; its weights'
    // gradients.
    void back_through_matrix(int u, int image, int chunk, const Padded<T>& x, const Padded<T>& gx, bool first, char* place) {
        const Unit& unit = plan.units[u];
        const bool fills = unit.operation == STAGE && unit.kernel.stride == 1;  // every pixel
        if (first && !fills) std::fill_n(gx.data, gx.pixels() * lanes, T(0));
        if (unit.operation == HALVING)
            back_through_halving(u, image, chunk, x, gx, place);
        else
            back_through_stage(u, image, chunk, x, gx, first && fills, place);
    }

    void back_through_halving(int u, int image, int chunk, const Padded<T>& x, const Padded<T>& gx, char* place) {
        const Size out = plan.units[u].out;
        for_strips(
            u, image, chunk, place, [&](Rows rows, T* d) { this->gather_halves(x, out, rows, d); },
            [&](Rows rows, const T* g, T* gd) {
                const long pixels = (long)rows.count() * out.width;
                multiply<T>({g, pixels, blocks, matrices[u], gd, pixels, 2 * blocks}, pixels, nullptr);
                scatter_halves(gd, out, rows, gx);
            });
    }

    void back_through_stage(int u, int image, int chunk, const Padded<T>& x, const Padded<T>& gx, bool first, char* place) {
        const Unit& unit = plan.units[u];
        const Size out = unit.out;
        const long taps_step = (long)unit.kernel.taps() * V;
        const Padded<T> gs = {take<T>(place, padded_count<T>(out, x.pad, blocks)), out, x.pad};
        zero_border(gs, blocks);
        for_strips(
            u, image, chunk, place,
            [&](Rows rows, T* d) {  // computed anew
                for (int block = 0; block < blocks; block++)
                    convolve<T>(x, block, taps[u] + block * taps_step, unit.kernel,
                                d + (long)block * rows.count() * out.width * V, out.width, rows.begin, rows.end);
            },
            [&](Rows rows, const T* g, T*) {
                const long step = (long)rows.count() * out.width;
                for (int i = 0; i < rows.count(); i++) {
                    const T* row = g + (long)i * out.width * V;
                    multiply<T>({row, step, blocks, matrices[u], gs.at(0, rows.begin + i, 0), gs.pixels(), blocks},
                                out.width, nullptr);
                }
            });
        for (int block = 0; block < blocks; block++) {
            if (to.wants_weights)
                convolve_weights<T>(x, gs, block, unit.kernel, partial_of(chunk, u) + block * taps_step);
            convolve_back<T>(gs, block, taps[u] + block * taps_step, unit.kernel, gx, first);
        }
    }

    // The inverse of `gather_halves`, added.
    void scatter_halves(const T* g, Size out, Rows rows, const Padded<T>& gx) const {
        for (int half = 0; half < 2; half++)
            for (int block = 0; block < blocks; block++)
                for (int i = rows.begin; i < rows.end; i++) {
                    T* y = gx.at(block, 2 * i + half, half);
                    for (int j = 0; j < out.width; j++, g += V) store(y + 2 * j * V, load(y + 2 * j * V) + load(g));
                }
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
                if (plan.units[u].is_matrix()) back_through_matrix(u, image, chunk, x, gx, std::exchange(first, false), place);
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
                    store(g, load(g) + (load(xs + j * V) > zero<T>() ? load(gs + j * V) : zero<T>()));
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
    (is_double ? darts::backward<double> : darts::backward<float>)(numbers, reals, *pointers, gates, saved, work, output,
                                                                   *gradients, threads);
}
}
