"""Interpretable N-BEATS: blocks that can only answer in a polynomial or in a Fourier basis over time."""

import math

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.registry import register
from darts_pl.ops.series.shapes import TokenGrid


def trend_basis(tokens: int, degree: int = 3) -> Tensor:
    """Powers t^0 ... t^degree of t = (0, 1, ..., N - 1) / N as rows, float64 [degree + 1, N] (equation 2).

    >>> trend_basis(4, 2)[1].tolist()
    [0.0, 0.25, 0.5, 0.75]
    """
    time = torch.arange(tokens, dtype=torch.float64) / tokens
    return torch.stack([time**power for power in range(degree + 1)])


def seasonality_basis(tokens: int) -> Tensor:
    """cos(2 pi i t) for i = 0 ... h - 1, then sin(2 pi i t) for i = 1 ... h - 1, with h = max(1, N // 2) and
    t = (0, ..., N - 1) / N, as rows, float64 [2 h - 1, N] (equation 3, without its sine of frequency 0, which is 0)."""
    harmonics = max(1, tokens // 2)
    time = torch.arange(tokens, dtype=torch.float64) / tokens
    angle = 2 * math.pi * torch.arange(harmonics, dtype=torch.float64)[:, None] * time
    return torch.cat([angle.cos(), angle[1:].sin()])


class BasisBlock(nn.Module):
    """A block: fully connected layers over the N values of a channel give the coefficients of a fixed `basis` [K, N].

    Args:
        backcast: whether it also answers what it has explained of its input; the last block need not.
    """

    def __init__(self, basis: Tensor, hidden: int, backcast: bool):
        super().__init__()
        tokens = basis.shape[1]
        self.layers = nn.Sequential(nn.Linear(tokens, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.forecast = nn.Linear(hidden, len(basis), bias=False)
        self.backcast = nn.Linear(hidden, len(basis), bias=False) if backcast else None
        # rows of unit mean square: the span is the same, and coefficients of all rows weigh alike
        basis = basis / basis.square().mean(dim=1, keepdim=True).sqrt()
        self.register_buffer("basis", basis.to(torch.get_default_dtype()), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(R, D, N) → what is left of x after the backcast, and the forecast, each (R, D, N)."""
        hidden, basis = self.layers(x), self.basis.to(x.dtype)
        left = x if self.backcast is None else x - self.backcast(hidden) @ basis
        return left, self.forecast(hidden) @ basis


@register("nbeats", family="decomposition")
class NBeats(nn.Module):
    """Interpretable N-BEATS (arXiv:1905.10437, sections 3.1 to 3.3): a trend block in a polynomial basis and then a
    seasonality block in a Fourier basis, doubly residual: the second sees what the first has not explained, and the
    forecasts add up.

    Kept: both bases over time (degree 3, or N - 1 where less; all harmonics up to N / 2), backcast and forecast, each
    channel a series by itself with shared weights. Changed: one block a stack with two fully connected layers, not
    three blocks with four; the N tokens written are on the grid of the N tokens read.
    """

    def __init__(self, grid: TokenGrid, degree: int = 3):
        super().__init__()
        hidden = min(64, max(8, 2 * grid.tokens))
        self.trend = BasisBlock(trend_basis(grid.tokens, min(degree, grid.tokens - 1)), hidden, backcast=True)
        self.seasonality = BasisBlock(seasonality_basis(grid.tokens), hidden, backcast=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        left, trend = self.trend(x.flatten(0, 1).transpose(1, 2))
        _, seasonality = self.seasonality(left)
        return (trend + seasonality).transpose(1, 2).unflatten(0, x.shape[:2])
