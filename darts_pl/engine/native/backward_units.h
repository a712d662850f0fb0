// Through the units of one image: stages, halvings, pooling, and what makes states of the inputs. What a depthwise
// convolution gave is computed anew.
#pragma once
#include "backward_norms.h"
#include "pointwise.h"

namespace darts {

template <class T> struct BackwardUnits : BackwardNorms<T> {
    using Base = BackwardNorms<T>;
    using Base::Base;
    using Base::behind, Base::factors, Base::node, Base::to, Base::taps, Base::matrices, Base::partial_of;
    using Base::blocks, Base::lanes, Base::plan, Base::V, Base::count, Base::add_behind_sums, Base::map_terms;

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
                sum_block(terms, n, factors(u, 2), (block * unit.out.pixels() + (long)begin * unit.out.width) * V,
                          pixels, block * V, g + block * pixels * V);
            if (to.wants_weights) {
                fill(rows, d);
                T* of_matrix = partial_of(chunk, u) + this->taps_count(unit);
                multiply_weights<T>(g, pixels, blocks, d, pixels, inner, pixels, of_matrix);
            }
            body(rows, g, gd);
        }
    }

    // gx += the gradient of a stage's or a halving's padded input, or gx = it if it is the `first`; weight gradients.
    void back_through_matrix(int u, int image, int chunk, const Padded<T>& x, const Padded<T>& gx, bool first,
                             char* place) {
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

    void back_through_stage(int u, int image, int chunk, const Padded<T>& x, const Padded<T>& gx, bool first,
                            char* place) {
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

    // g = gx where x, behind its ReLU, is more than zero.
    void unpad(const Padded<T>& x, const Padded<T>& gx, T* g) const {
        for (int block = 0; block < blocks; block++)
            for (int i = 0; i < x.size.height; i++) {
                const T *xs = x.at(block, i, 0), *gs = gx.at(block, i, 0);
                for (int j = 0; j < x.size.width; j++, g += V)
                    store(g, passed<T>(load(gs + j * V), load(xs + j * V)));
            }
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
                        store_some(gx + at, passed<T>(load(gd + from), load_some(x + at, some)), some);
                });
            });
    }
};

}  // namespace darts
