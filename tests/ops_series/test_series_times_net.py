"""TimesNet: the periods that it finds, and its folded convolutions against real 2-D convolutions of folded series."""

import math

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from building import built, values
from torch import Tensor

from darts_pl.ops.series.times_net import InceptionWeight, folded_neighbours, main_periods


def waves(tokens: int, *periods: int, heights: tuple[float, ...] = (1.0, 0.5)) -> Tensor:
    """A sum of cosines, (1, N, 4)."""
    time = torch.arange(tokens, dtype=torch.float64)
    wave = sum(height * torch.cos(2 * math.pi * time / p) for height, p in zip(heights, periods))
    return wave[None, :, None].expand(1, tokens, 4)


def test_planted_periods_are_found_row_by_row():
    rows = torch.cat([waves(96, 12, 24), waves(96, 24, 8), waves(96, 6, 48, heights=(1.0, 0.9))])
    periods, amplitudes = main_periods(rows + 0.02 * values(3, 96, 4), count=2)
    assert periods.tolist() == [[12, 24], [24, 8], [6, 48]]
    torch.testing.assert_close(amplitudes[0], torch.tensor([48.0, 24.0], dtype=torch.float64), rtol=0.02, atol=0)


def test_mean_is_no_period_and_lengths_that_do_not_divide_round_up():
    periods, _ = main_periods(waves(100, 25) + 1000, count=1)
    assert periods.tolist() == [[25]]
    assert main_periods(waves(10, 10 / 3), count=1)[0].tolist() == [[4]]  # ceil(10 / 3)


@pytest.mark.parametrize(("tokens", "found"), [(1, 1), (2, 1), (3, 1), (4, 2), (96, 2)])
def test_no_more_periods_than_frequencies(tokens, found):
    periods, amplitudes = main_periods(values(2, tokens, 4), count=2)
    assert periods.shape == amplitudes.shape == (2, found)
    assert ((periods >= 1) & (periods <= tokens)).all()


def test_neighbours_in_a_folded_series():
    """Seven tokens in lines of three: 0 1 2 / 3 4 5 / 6 . ."""
    index, inside = folded_neighbours(torch.tensor([[3]]), tokens=7, kernel=3)
    seen = [[i if ok else None for i, ok in zip(*pair)] for pair in zip(index[0, 0].tolist(), inside[0, 0].tolist())]
    assert seen[4] == [0, 1, 2, 3, 4, 5, 6, None, None]
    assert seen[3] == [None, 0, 1, None, 3, 4, None, 6, None]
    assert seen[2] == [None, None, None, 1, 2, None, 4, 5, None]


def folded(row: Tensor, period: int) -> Tensor:
    """(N, D) → (1, D, lines, period), zeros after the end."""
    lines = -(-len(row) // period)
    return F.pad(row, (0, 0, 0, lines * period - len(row))).view(1, lines, period, -1).permute(0, 3, 1, 2)


def unfolded(plane: Tensor, tokens: int) -> Tensor:
    """(1, D, lines, period) → (N, D)."""
    return plane[0].flatten(1).T[:tokens]


def inception(weight: InceptionWeight, row: Tensor, period: int) -> Tensor:
    """The mean of the parallel 2-D convolutions of a folded row, (N, D) → (N, D')."""
    plane = folded(row, period)
    results = [
        F.conv2d(plane, kernel.transpose(0, 1), padding=kernel.shape[-1] // 2, bias=weight.bias)
        for kernel in weight.kernels
    ]
    return unfolded(torch.stack(results).mean(0), len(row))


@pytest.mark.parametrize("tokens", [48, 29, 5, 1])
def test_block_is_the_papers_loop_over_periods(tokens):
    """One row and one period at a time, with PyTorch's convolution."""
    operation, x = built("times_net", 2, tokens, 6), values(3, 2, tokens, 6)
    with torch.no_grad():
        operation.widen.bias.copy_(values(3)), operation.narrow.bias.copy_(values(6))
    found = operation(x).flatten(0, 1)
    for row, y in zip(x.flatten(0, 1), found):
        periods, amplitudes = main_periods(row[None], 2)
        shares = amplitudes[0].exp() / amplitudes[0].exp().sum()
        expected = torch.zeros_like(row)
        for period, share in zip(periods[0].tolist(), shares):
            hidden = F.gelu(inception(operation.widen, row, period))
            expected = expected + share * inception(operation.narrow, hidden, period)
        torch.testing.assert_close(y, expected)


def test_equal_phases_of_a_period_are_neighbours():
    """A change at t moves the outputs one period away, and not those half a period away."""
    operation, x = built("times_net", 1, 96, 4), waves(96, 12, heights=(5.0,))[None]
    operation.periods = 1
    changed = x.clone()
    changed[0, 0, 30, 0] += 1e-4
    moved = (operation(changed) - operation(x))[0, 0].abs().amax(-1)
    assert moved[30 + 12] > 1e-7 and moved[30 - 12] > 1e-7 and moved[30 + 6] < 1e-12


def test_kernels_of_several_sizes_are_averaged():
    weight = InceptionWeight(2, 3, (1, 3))
    nn.init.ones_(weight.kernels[0]), nn.init.zeros_(weight.kernels[1])
    taps = weight.taps()
    assert taps.shape == (9, 2, 3) and (taps[4] == 0.5).all() and taps.sum() == 3
