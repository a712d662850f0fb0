"""State spaces, attentions and decompositions against their formulas, written out step by step in float64."""

import math

import numpy as np
import pytest
import torch
from series_building import EVERY_MODE, check_one_hot, drawn, tiny_space

from darts_pl.ops.series import SeriesShape
from darts_pl.spaces.series.attention import ATTENTIONS
from darts_pl.spaces.series.decomposition import DECOMPOSITIONS
from darts_pl.spaces.series.mamba import BidirectionalMamba, Mamba
from darts_pl.spaces.series.scan import scan
from darts_pl.spaces.series.tokens import Along

DIM, HEADS = 8, 2


def over_time(length: int) -> Along:
    return Along(length, series=False)


def step_by_step(decay, drive):
    state, states = torch.zeros_like(drive[0]), []
    for a, b in zip(decay, drive):
        state = a * state + b
        states.append(state)
    return torch.stack(states)


@pytest.mark.parametrize("length", [2, 15, 16, 17, 23, 36, 53, 96])
def test_the_scan_is_the_recurrence(length: int) -> None:
    parts = [torch.rand(length, 3, 2, dtype=torch.float64), torch.randn(length, 3, 2, dtype=torch.float64)]
    parts[0][length // 2, 0] = 0  # forgets all, over which no quotient of decays can be formed
    ours, theirs = ([part.clone().requires_grad_() for part in parts] for _ in range(2))
    found, expected = scan(*ours), step_by_step(*theirs)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(found)
    slopes = torch.autograd.grad((found * weights).sum(), ours)
    for slope, right in zip(slopes, torch.autograd.grad((expected * weights).sum(), theirs)):
        torch.testing.assert_close(slope, right, rtol=1e-10, atol=1e-10)


def test_the_scan_can_be_differentiated_twice_and_runs_in_chunks_where_it_is_not_differentiated() -> None:
    decay, drive = (torch.rand(5, 2, 3, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradgradcheck(scan, (decay, drive))
    decay, drive = (torch.rand(36, 2, 3, dtype=torch.float64) for _ in range(2))
    torch.testing.assert_close(scan(decay, drive), step_by_step(decay, drive), rtol=1e-12, atol=1e-12)


def test_a_selective_state_space_is_its_recurrence() -> None:
    block = Mamba(DIM, over_time(19)).double()
    u = torch.randn(3, 19, DIM, dtype=torch.float64)
    step, b, c = block.project_parameters(u).split([block.rank, 8, 8], dim=-1)
    step = torch.log1p(torch.exp(block.project_step(step)))
    a, state, expected = -torch.exp(block.log_decay), torch.zeros(3, DIM, 8, dtype=torch.float64), []
    for t in range(19):
        state = torch.exp(step[:, t, :, None] * a) * state + step[:, t, :, None] * b[:, t, None, :] * u[:, t, :, None]
        expected.append((state * c[:, t, None, :]).sum(dim=-1) + block.skip * u[:, t])
    torch.testing.assert_close(block.select(u), torch.stack(expected, dim=1), rtol=1e-10, atol=1e-10)


def test_a_state_space_looks_back_only_and_its_reverse_ahead_only() -> None:
    tokens = torch.randn(1, 1, 12, DIM, dtype=torch.float64)
    changed = tokens.clone()
    changed[:, :, 7] += 1
    both = BidirectionalMamba(DIM, over_time(12)).double()
    moved = {
        name: (getattr(both, name)(tokens) - getattr(both, name)(changed)).abs().amax(dim=(0, 1, 3)) > 1e-12
        for name in ("forwards", "backwards")
    }
    assert moved["forwards"].tolist() == [False] * 7 + [True] * 5
    assert moved["backwards"].tolist() == [True] * 8 + [False] * 4


def projected(module, x):
    """Queries, keys and values of the first sequence by head, [h, L, D/h]."""
    return (
        layer(x[0, 0]).unflatten(-1, (HEADS, -1)).transpose(0, 1) for layer in (module.query, module.key, module.value)
    )


def finished(module, heads):
    """[h, L, D/h] through the last projection."""
    return module.out(heads.transpose(0, 1).flatten(1))


@pytest.mark.parametrize("masked", [False, True])
def test_linear_attention_is_a_weighted_mean(masked: bool) -> None:
    length = 9
    mask = torch.ones(length, length, dtype=torch.bool).tril() if masked else None
    module = ATTENTIONS["linear"](DIM, HEADS, over_time(length), mask=mask).double()
    x = torch.randn(1, 1, length, DIM, dtype=torch.float64)
    heads = []
    for q, k, v in zip(*projected(module, x)):
        rows = []
        for i in range(length):
            seen = range(i + 1) if masked else range(length)
            weights = [(phi(q[i]) * phi(k[j])).sum() for j in seen]
            rows.append(sum(w * v[j] for w, j in zip(weights, seen)) / sum(weights))
        heads.append(torch.stack(rows))
    torch.testing.assert_close(module(x)[0, 0], finished(module, torch.stack(heads)), rtol=1e-5, atol=1e-5)


def phi(x):
    return torch.where(x > 0, x + 1, x.exp())


def test_auto_correlation_rolls_by_the_strongest_lags() -> None:
    length = 24
    module = ATTENTIONS["auto_correlation"](DIM, HEADS, over_time(length)).double()
    x = torch.randn(1, 1, length, DIM, dtype=torch.float64)
    q, k, v = projected(module, x)
    # R(τ) = mean over heads and features of Σ_t q_{t+τ} k_t, by sums in the place of Fourier transforms
    strength = torch.stack([(q.roll(-lag, dims=1) * k).sum(dim=1).mean() for lag in range(length)])
    lags = strength.argsort(descending=True)[: int(math.log(length))]
    weights = strength[lags].softmax(dim=0)
    rolled = sum(w * v.roll(-int(lag), dims=1) for w, lag in zip(weights, lags))
    torch.testing.assert_close(module(x)[0, 0], finished(module, rolled), rtol=1e-6, atol=1e-6)


def test_averages_are_weighed_by_what_is_averaged() -> None:
    module, x = DECOMPOSITIONS["multi"]().double(), torch.randn(2, 60, 3, dtype=torch.float64)
    trends = []
    for kernel in (7, 25, 49):
        half = kernel // 2
        padded = np.pad(x.numpy(), ((0, 0), (half, half), (0, 0)), mode="edge")
        trends.append(np.stack([padded[:, t : t + kernel].mean(axis=1) for t in range(60)], axis=1))
    scores = x.numpy()[..., None] * module.weigh.weight.detach().numpy()[:, 0] + module.weigh.bias.detach().numpy()
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    expected = sum(trend * weights[..., index] for index, trend in enumerate(trends))
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=1e-10, atol=1e-10)


def test_the_strongest_frequencies_are_the_season() -> None:
    """Five waves and a weaker one about a mean: the trend is the mean and the weaker one."""
    t = torch.arange(64, dtype=torch.float64)
    waves = {2: 3.0, 5: 2.5, 7: 2.0, 11: 1.5, 17: 1.0, 20: 0.4}
    parts = {k: size * torch.sin(2 * math.pi * k * t / 64 + k) for k, size in waves.items()}
    x = (1.5 + sum(parts.values()))[None, :, None]
    torch.testing.assert_close(DECOMPOSITIONS["dft"]()(x)[0, :, 0], 1.5 + parts[20], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", EVERY_MODE)
def test_a_horizon_longer_than_the_look_back(mode: str) -> None:
    """96 → 720 in small: 12 → 90, where patches and steps of the horizon outnumber those of the look-back."""
    shape = SeriesShape(look_back=12, horizon=90, targets=2, known_future=2)
    space = tiny_space(mode, layers=1, num_nodes=1)
    for seed in range(3):
        check_one_hot(space, drawn(space, seed), shape)
