"""Every proxy of every mode: a finite score, the same again, whatever the mode multiplies or normalises."""

import math

import pytest
import torch
import torch.nn.functional as F
from series_building import SHAPE, batch, tiny_space

from darts_pl.genotype.series import MODES
from darts_pl.proxies import PROXIES, measure
from darts_pl.proxies.synflow import linearize
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces.series.layers import SwiGLU
from darts_pl.spaces.series.mamba import Mamba
from darts_pl.spaces.series.normalization import RevIN
from darts_pl.spaces.series.tokens import Along

LABELLED = {"epe_nas"}  # of classes
ALIKE = ("encoder_decoder", "decoder_only", "mamba")  # proxies see layers alone, and score these as they do the first


def windows(seed: int):
    x = batch(seed=seed, size=6, dtype=torch.float32)
    return x, torch.randn(6, SHAPE.horizon, SHAPE.targets, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=[pytest.mark.slow] if mode in ALIKE else []) for mode in MODES]
)
def test_every_proxy_scores_every_mode(mode):
    space = tiny_space(mode, layers=1, num_nodes=1, feed_forwards=["mlp", "glu"])

    def factory():
        return space.supernet(SHAPE, SHAPE.targets, relaxation=Softmax(), mixing=full)

    torch.manual_seed(0)
    network = factory()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    names = [name for name in PROXIES if name not in LABELLED]
    first, second = (
        measure(network, [windows(1), windows(2)], F.mse_loss, names=names, repeats=2, seed=3, factory=factory)
        for _ in range(2)
    )
    assert {name: each.error for name, each in first.items() if each.error} == {}
    assert all(math.isfinite(each.mean) for each in first.values())
    assert {name: each.values for name, each in first.items()} == {name: each.values for name, each in second.items()}
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert first["params"].mean == sum(p.numel() for p in network.weight_parameters()) and first["params"].std == 0


@pytest.mark.parametrize("length", [1, 12])
def test_linear_forms_are_linear(length):
    """f(a + b) = f(a) + f(b) - f(0), and the weights are all there."""
    block = Mamba(16, Along(length, False)).double()
    gated = SwiGLU(16).double()
    for module in (block, gated):
        linearize(module)
        a, b = torch.randn(2, 3, 2, length, 16, dtype=torch.float64)
        zero = module(torch.zeros_like(a))
        torch.testing.assert_close(module(a + b), module(a) + module(b) - zero, rtol=1e-9, atol=1e-9)
        silent = [n for n, p in module.named_parameters() if n != "log_decay" and not _acts(module, p, a)]
        assert silent == []


def _acts(module, parameter, x) -> bool:
    (grad,) = torch.autograd.grad(module(x).square().sum(), parameter, allow_unused=True)
    return grad is not None and grad.abs().sum().item() > 0


def test_windows_are_not_normalised_in_synflow():
    module = RevIN(3)
    linearize(module)
    shift, scale = module(torch.ones(2, 6, 3, dtype=torch.float64))
    assert not shift.any() and (scale == 1).all()
