// The forward pass of a cell. Source state by source state: its sum, ReLU, and all units that begin at it while it is
// in the cache; then the units behind those.
#include <algorithm>

#include "pass.h"
#include "pointwise.h"
#include "sums.h"

namespace darts {
namespace {

template <class T> struct Forward : Pass<T> {
    using Base = Pass<T>;
    using Base::blocks, Base::lanes, Base::plan, Base::V, Base::count;
    T* output;
    std::vector<T*> taps, matrices;  // packed, of every unit
    std::vector<char*> scratch;      // of every worker
    double* moments;                 // [chunks][units][2][lanes]
    size_t used;                     // bytes of `work`

    Forward(const Plan& plan, const Pointers& pointers, const T* gates, char* saved, char* work, T* output, int threads)
        : Base(plan, pointers, gates, saved, threads), output(output) {
        char* place = work;
        for (const Unit& u : plan.units) {
            taps.push_back(take<T>(place, this->taps_count(u)));
            matrices.push_back(take<T>(place, this->matrix_count(u)));
        }
        moments = take<double>(place, (size_t)this->chunks.count * plan.units.size() * 2 * lanes);
        for (int w = 0; w < this->workers; w++) scratch.push_back(take<char>(place, scratch_bytes()));
        used = place - work;
    }

    size_t scratch_bytes() const {
        size_t padded = 0, strip = 0;
        for (int s = 0; s < plan.states; s++)
            for (int level = -1; level < plan.levels(s); level++) {
                const auto units = plan.units_at(s, level);
                for (int u : units) {
                    const Unit& unit = plan.units[u];
                    if (level >= 0) padded = std::max(padded, padded_count<T>(unit.in, plan.pad_of(units), blocks));
                    strip = std::max(strip, (size_t)this->rows(unit) * unit.out.width * this->in_blocks(unit) * V);
                }
            }
        const size_t terms = plan.terms.size() + 1;
        return aligned(padded * sizeof(T)) + aligned(strip * sizeof(T)) + aligned(2 * lanes * sizeof(T)) +
               terms * aligned(lanes * sizeof(T)) + aligned(terms * sizeof(Scaled<T>));
    }

    void run() {
        parallel((int)plan.units.size(), this->threads, [&](int u, int) { pack(u); });
        std::fill_n(moments, (size_t)this->chunks.count * plan.units.size() * 2 * lanes, 0.0);
        project_inputs();
        for (int s = 0; s < plan.states; s++) {
            const auto first = plan.units_at(s, 0);
            for_images(*this, [&](int image, int chunk, int worker) {
                make_state(s, image, scratch[worker]);
                run_units(first, image, chunk, scratch[worker]);
            });
            normalize(first);
            for (int level = 1; level < plan.levels(s); level++) {
                const auto units = plan.units_at(s, level);
                for_images(*this, [&](int image, int chunk, int worker) {
                    for (int u : units) run_units({u}, image, chunk, scratch[worker]);
                });
                normalize(units);
            }
        }
    }

    void pack(int u) {
        const Unit& unit = plan.units[u];
        if (unit.operation == STAGE) this->pack_taps(u, taps[u]);
        if (unit.is_matrix()) this->pack_matrix(u, matrices[u], true);
    }

    // The maps that states are made of, before their normalisation.
    void project_inputs() {
        std::vector<int> units;
        for (int s = 0; s < plan.inputs; s++)
            if (plan.projection(s) >= 0) units.push_back(plan.projection(s));
        if (units.empty()) return;
        for_images(*this, [&](int image, int chunk, int worker) {
            for (int u : units) {
                const Unit& unit = plan.units[u];
                T* strip = reinterpret_cast<T*>(scratch[worker]);
                for_strips(u, image, moments_of(chunk, u), strip,
                           [&](Rows rows) { this->gather_raw(unit, image, rows, strip); });
            }
        });
        normalize(units);
    }

    // y = the product of a unit's matrix with what `fill` puts into `strip`, strip by strip.
    template <class F> void for_strips(int u, int image, double* sums, T* strip, F&& fill) {
        const Unit& unit = plan.units[u];
        const Size out = unit.out;
        const int step = this->rows(unit);
        for (int begin = 0; begin < out.height; begin += step) {
            const Rows rows = {begin, std::min(begin + step, out.height)};
            const long pixels = (long)rows.count() * out.width;
            fill(rows);
            T* y = this->map(u, image) + (long)begin * out.width * V;
            multiply<T>({strip, pixels, this->in_blocks(unit), matrices[u], y, out.pixels(), blocks}, pixels, sums);
        }
    }

    void make_state(int s, int image, char* place) {
        const long pixels = plan.sizes[s].pixels();
        T* x = this->state(s, image);
        if (s < plan.inputs && plan.projection(s) >= 0)
            normalize_map(plan.projection(s), image, x, place);
        else if (s < plan.inputs)
            to_blocks(static_cast<const T*>(this->pointers.inputs[s]) + image * pixels * plan.channels,
                      (long)plan.channels, x, pixels, plan.channels);
        else
            sum_node(s, image, x, place);
        if (plan.slot[s] < 0) return;
        const long step = (long)plan.slots * plan.channels;
        from_blocks(x, output + image * pixels * step + plan.slot[s] * plan.channels, step, pixels, plan.channels);
    }

    void normalize_map(int u, int image, T* y, char* place) {
        T *factors = take<T>(place, lanes), *offsets = take<T>(place, lanes);
        this->inner_affine(plan.units[u].norm, factors, offsets);
        const Scaled<T> term = {this->map(u, image), factors};
        sum_maps(&term, 1, offsets, plan.units[u].out.pixels(), blocks, y);
    }

    void sum_node(int node, int image, T* y, char* place) {
        T* constant = take<T>(place, lanes);
        const auto chosen = plan.terms_into(node);
        Scaled<T>* terms = take<Scaled<T>>(place, chosen.size());
        std::fill_n(constant, lanes, T(0));
        int n = 0;
        for (int k : chosen) {
            const Term& t = plan.terms[k];
            T* coefficients = take<T>(place, lanes);
            const double gate = this->gate(t) * (t.mask < 0 ? 1.0 : (double)this->mask(t.mask)[image]);
            for (int c = 0; c < lanes; c++) {
                double factor = 1, offset = 0;
                if (t.norm >= 0 && c < plan.channels) this->affine(t.norm, c, factor, offset);
                if (t.unit == CONSTANT) factor = 0, offset = 1;
                coefficients[c] = c < plan.channels ? gate * factor : 0;
                constant[c] += c < plan.channels ? gate * offset : 0;
            }
            if (t.unit == CONSTANT) continue;
            terms[n++] = {t.unit == IDENTITY ? this->state(t.source, image) : this->map(t.unit, image), coefficients};
        }
        sum_maps(terms, n, constant, plan.sizes[node].pixels(), blocks, y);
    }

    double* moments_of(int chunk, int u) { return moments + ((size_t)chunk * plan.units.size() + u) * 2 * lanes; }

    // Units that have one input.
    void run_units(const std::vector<int>& units, int image, int chunk, char* place) {
        if (units.empty()) return;
        const Unit& any = plan.units[units[0]];
        const auto is_matrix = [&](int u) { return plan.units[u].is_matrix(); };
        const int pad = plan.pad_of(units);
        const Padded<T> x = {take<T>(place, padded_count<T>(any.in, pad, blocks)), any.in, pad};
        T* coefficients = take<T>(place, 2 * lanes);
        if (std::any_of(units.begin(), units.end(), is_matrix)) this->pad_input(any, image, x, coefficients);
        for (int u : units) {
            if (plan.units[u].operation == POOLING)
                pool(u, image, moments_of(chunk, u));
            else
                run_matrix(u, image, x, moments_of(chunk, u), reinterpret_cast<T*>(place));
        }
    }

    void pool(int u, int image, double* sums) {
        const Unit& unit = plan.units[u];
        const long in = unit.in.pixels() * V, out = unit.out.pixels() * V;
        const T* x = this->input(unit, image);
        T* y = this->map(u, image);
        for (int block = 0; block < blocks; block++)
            if (unit.largest)
                max_pool<T>(x + block * in, unit.in, y + block * out, this->place(u, image) + block * out, unit.out,
                            unit.kernel.stride);
            else
                average_pool<T>(x + block * in, unit.in, y + block * out, unit.out, unit.kernel.stride);
        add_moments<T>(y, unit.out.pixels(), blocks, sums);
    }

    // A stage or a halving.
    void run_matrix(int u, int image, const Padded<T>& x, double* sums, T* strip) {
        const Unit& unit = plan.units[u];
        for_strips(u, image, sums, strip, [&](Rows rows) {
            if (unit.operation == HALVING) return this->gather_halves(x, unit.out, rows, strip);
            const long step = (long)rows.count() * unit.out.width * V;
            for (int block = 0; block < blocks; block++)
                convolve<T>(x, block, taps[u] + (long)block * unit.kernel.taps() * V, unit.kernel, strip + block * step,
                            unit.out.width, rows.begin, rows.end);
        });
    }

    // The statistics of what normalises `units`, and the running ones.
    void normalize(const std::vector<int>& units) {
        for (size_t m = 0; m < plan.norms.size(); m++) {
            const Norm& norm = plan.norms[m];
            if (std::find(units.begin(), units.end(), norm.unit) == units.end()) continue;
            const double n = (double)plan.batch * plan.units[norm.unit].out.pixels();
            double momentum = norm.momentum;
            if (norm.tracks) {
                const int64_t batches = this->batches(m) ? ++*this->batches(m) : 0;
                if (momentum < 0) momentum = batches ? 1.0 / (double)batches : 0.0;
            }
            for (int c = 0; c < lanes; c++) {
                double mean = 0, var = 0;
                if (c < plan.channels) statistics(m, c, n, momentum, mean, var);
                this->means[m][c] = mean;
                this->rates[m][c] = 1 / std::sqrt(var + norm.eps);
            }
        }
    }

    void statistics(int m, int c, double n, double momentum, double& mean, double& var) {
        const Norm& norm = plan.norms[m];
        if (!norm.of_batch) {
            mean = this->running_mean(m)[c], var = this->running_var(m)[c];
            return;
        }
        double sum = 0, squares = 0;
        for (int chunk = 0; chunk < this->chunks.count; chunk++) {
            sum += moments_of(chunk, norm.unit)[c];
            squares += moments_of(chunk, norm.unit)[lanes + c];
        }
        mean = sum / n;
        var = std::max(0.0, squares / n - mean * mean);
        if (!norm.tracks) return;
        T &running_mean = this->running_mean(m)[c], &running_var = this->running_var(m)[c];
        running_mean = (1 - momentum) * running_mean + momentum * mean;
        running_var = (1 - momentum) * running_var + momentum * (var * n / (n - 1));
    }
};

template <class T>
void forward(const int64_t* numbers, const double* reals, const Pointers& pointers, const void* gates, char* saved,
             char* work, void* output, int threads) {
    const Plan plan(numbers, reals);
    Forward<T>(plan, pointers, static_cast<const T*>(gates), saved, work, static_cast<T*>(output), threads).run();
}

template <class T> void sizes(const int64_t* numbers, const double* reals, int threads, int64_t* bytes) {
    const Plan plan(numbers, reals);
    char* const nowhere = reinterpret_cast<char*>(ALIGNMENT);  // for the distances alone
    const Forward<T> pass(plan, {}, nullptr, nowhere, nowhere, nullptr, threads);
    bytes[0] = pass.end_of_saved - nowhere;
    bytes[1] = (int64_t)pass.used;
}

}  // namespace
}  // namespace darts

extern "C" {
// bytes: of what is kept for the backward pass, and of what the forward pass needs besides.
void cell_forward_bytes(int is_double, const int64_t* numbers, const double* reals, int threads, int64_t* bytes) {
    (is_double ? darts::sizes<double> : darts::sizes<float>)(numbers, reals, threads, bytes);
}

void cell_forward(int is_double, const int64_t* numbers, const double* reals, const darts::Pointers* pointers,
                  const void* gates, char* saved, char* work, void* output, int threads) {
    (is_double ? darts::forward<double> : darts::forward<float>)(numbers, reals, *pointers, gates, saved, work, output,
                                                                 threads);
}
}
