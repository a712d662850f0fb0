"""From the tokens of the look-back to a forecast (B, P, Y), without a decoder."""

import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series.shapes import SeriesShape, TokenGrid


class StepsHead(nn.Module):
    """A linear map over time, T → P, shared by the D features, then one over features, D → Y."""

    def __init__(self, shape: SeriesShape, grid: TokenGrid):
        super().__init__()
        self.time = nn.Linear(grid.tokens, shape.horizon)
        self.features = nn.Linear(grid.dim, shape.targets)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, 1, T, D) → (B, P, Y)."""
        return self.features(self.time(tokens.squeeze(1).transpose(1, 2)).transpose(1, 2))


class SeriesHead(nn.Module):
    """All tokens of a series side by side, N · D → P, shared by the targets; other series are left out."""

    def __init__(self, shape: SeriesShape, grid: TokenGrid):
        super().__init__()
        self.targets = shape.targets
        self.linear = nn.Linear(grid.tokens * grid.dim, shape.horizon)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, V, N, D) → (B, P, Y)."""
        return self.linear(tokens[:, : self.targets].flatten(2)).transpose(1, 2)


HEADS = {"steps": StepsHead, "patches": SeriesHead, "variates": SeriesHead}
