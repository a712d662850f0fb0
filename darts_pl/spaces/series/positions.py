"""Position embeddings, added to tokens (B, V, N, D) along the axis on which they form a sequence."""

import math

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.shapes import TokenGrid


class Learned(nn.Module):
    """One parameter vector a position: [N, D], or where a series is one token [V, D]."""

    def __init__(self, grid: TokenGrid):
        super().__init__()
        self.embedding = nn.Parameter(0.02 * torch.randn(*_shape(grid), grid.dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, V, N, D) → (V or 1, N or 1, D), to be added."""
        return self.embedding


class Sinusoidal(nn.Module):
    """sin(pos / 10000^{2i/D}) at the even features, cos of the same at the odd ones (Vaswani et al., arXiv:1706.03762,
    section 3.5). Where a series is one token the position is the place of the series among the others, which tells
    them apart and means nothing else."""

    table: Tensor

    def __init__(self, grid: TokenGrid):
        super().__init__()
        length, dim = max(_shape(grid)), grid.dim
        rate = torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
        angle = torch.arange(length).unsqueeze(1) * rate
        table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :dim]
        self.register_buffer("table", table.reshape(*_shape(grid), dim), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, V, N, D) → (V or 1, N or 1, D), to be added."""
        return self.table


class NoPosition(nn.Module):
    """Nothing."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, V, N, D) → zeros (1, 1, D)."""
        return tokens.new_zeros(1, 1, tokens.shape[-1])


def _shape(grid: TokenGrid) -> tuple[int, int]:
    return (1, grid.tokens) if grid.tokens > 1 else (grid.series, 1)


POSITIONS = {"learned": Learned, "sinusoidal": Sinusoidal}


def position(name: str, grid: TokenGrid) -> nn.Module:
    """The position embedding `name` for tokens of `grid`."""
    return NoPosition() if name == "none" else POSITIONS[name](grid)
