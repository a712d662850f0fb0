"""Contract 2 in the space of forecasting networks: alphas and weights move when their step runs and not otherwise."""

import functools

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from series_building import tiny_space
from series_planting import FAMILIES, fit, search_module, series_data

from darts_pl.data.series import SeriesData
from darts_pl.hypergradient import exact, finite_difference, first, fixed
from darts_pl.relaxations.mixing import full

EPOCHS, STEPS = 3, 2  # a search, and an epoch
METHODS = {"first": first, "finite_difference": finite_difference, "exact": exact}
SGD = functools.partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=3e-4)


def rows() -> SeriesData:
    """Random targets, a covariate of each kind and a calendar; two batches in each half."""
    values = np.random.default_rng(0).standard_normal((150, 4))
    return series_data(
        values,
        look_back=16,
        horizon=6,
        targets=["y0", "y1"],
        past_covariates=["y2"],
        future_covariates=["y3"],
        calendar="auto",
        batch_size=16,
        limit_train=2 * STEPS * 16,
    )


def supernet(data: SeriesData, mode: str = "encoder_only", family: str = "softmax", **settings):
    """Over all candidates of every part."""
    data.prepare()
    space = tiny_space(mode, layers=1, num_nodes=1, **settings)
    return space.supernet(data.input_shape, data.outputs, relaxation=FAMILIES[family](), mixing=full)


def snapshot(tensors) -> list[torch.Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def same(before, after) -> bool:
    return all(torch.equal(a, b.detach()) for a, b in zip(before, after, strict=True))


class StepLog(Callback):
    """Whether alphas and weights moved in each batch."""

    def __init__(self):
        self.alphas_moved, self.weights_moved = [], []

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.before = snapshot(module.supernet.arch_parameters()), snapshot(module.supernet.weight_parameters())

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.alphas_moved.append(not same(self.before[0], module.supernet.arch_parameters()))
        self.weights_moved.append(not same(self.before[1], module.supernet.weight_parameters()))


def run(net, data: SeriesData, hypergradient=first, **settings):
    """(module, log) after a search of `EPOCHS` epochs."""
    log, module = StepLog(), search_module(net, data, hypergradient, **{"epochs": EPOCHS, **settings})
    fit(module, data, [log])
    assert module.steps_done == EPOCHS * STEPS
    return module, log


def moved(before, after) -> list[bool]:
    """Of each entry, far beyond rounding."""
    return [change for a, b in zip(before, after, strict=True) for change in ((a - b).abs() > 1e-4).flatten().tolist()]


@pytest.mark.parametrize(
    ("mode", "family"),
    [(mode, "softmax") for mode in ("encoder_only", "encoder_decoder", "decoder_only", "mamba")]
    + [("encoder_only", family) for family in FAMILIES if family != "softmax"],
)
def test_alphas_rest_while_weights_warm_up_and_then_each_moves(mode, family):
    net = supernet(data := rows(), mode, family)
    start = snapshot(net.arch_parameters())
    module, log = run(net, data, alpha_warmup_epochs=1)
    assert log.alphas_moved == [False] * STEPS + [True] * (EPOCHS - 1) * STEPS
    assert log.weights_moved == [True] * EPOCHS * STEPS
    assert module.alpha_updates == (EPOCHS - 1) * STEPS
    assert all(moved(start, net.arch_parameters()))


def test_fixed_alphas_rest_to_the_end(mode):
    net = supernet(data := rows(), mode)
    start = snapshot(net.arch_parameters())
    module, log = run(net, data, fixed)
    assert same(start, net.arch_parameters()) and module.alpha_updates == 0
    assert log.weights_moved == [True] * EPOCHS * STEPS


@pytest.mark.parametrize("frozen", ["alphas", "weights"])
def test_a_step_of_one_level_leaves_the_other(frozen, mode):
    """What a rate of 0 holds still is moved by no step of the other level."""
    optimizer = {"alphas": torch.optim.Adam, "weights": torch.optim.AdamW}[frozen]
    rates = {f"{frozen}_optimizer": functools.partial(optimizer, lr=0.0), "min_learning_rate": 0.0}
    _, log = run(supernet(data := rows(), mode), data, **rates)
    assert log.alphas_moved == [frozen != "alphas"] * EPOCHS * STEPS
    assert log.weights_moved == [frozen != "weights"] * EPOCHS * STEPS


@pytest.mark.parametrize("method", METHODS)
def test_a_hypergradient_leaves_weights_and_buffers(method):
    seen = []

    @functools.wraps(METHODS[method])
    def watched(problem, **options):
        parts = [*problem.weights, *problem.alphas, *problem.buffers]
        before = snapshot(parts)
        grads = METHODS[method](problem, **options)
        seen.append(same(before, parts) and all(weight.grad is None for weight in problem.weights))
        assert all(grad.isfinite().all() and (grad != 0).all() for grad in grads)
        return grads

    run(supernet(data := rows()), data, watched, weights_optimizer=SGD)
    assert seen == [True] * EPOCHS * STEPS


def test_alphas_of_removed_candidates_rest():
    net = supernet(data := rows())
    masks = {kind: torch.ones_like(net.kept(kind)) for kind in net.kinds}
    masks["tokens"][0, 1] = masks["encoder"][1, 2] = False
    net.keep(masks)
    start = snapshot(net.arch_parameters())
    run(net, data)
    kept = [left for kind in net.alphas for left in masks[kind].flatten().tolist()]
    assert kept.count(False) == 2 and moved(start, net.arch_parameters()) == kept
    rested = [torch.equal(a[~masks[kind]], net.alphas[kind][~masks[kind]]) for kind, a in zip(net.alphas, start)]
    assert all(rested)
