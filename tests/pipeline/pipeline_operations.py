"""An operation of a user's own that works in some candidates only. Importing this registers it."""

import torch
import torch.nn as nn

from darts_pl.ops.series import TokenGrid, register


@register("needs_time", family="mine")
class NeedsTime(nn.Module):
    """The change from token to token; a series that is one token has none."""

    def __init__(self, grid: TokenGrid):
        super().__init__()
        self.mix = nn.Linear(grid.dim, grid.dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] < 2:
            raise ValueError(f"needs_time: found {x.shape[2]} token along time, expected at least 2")
        return self.mix(x - x.roll(1, dims=2))
