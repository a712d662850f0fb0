"""Tokens of the horizon: how they begin, and how a forecast (B, P, Y) is read from them, or, without a decoder, from
those of the look-back. All steps at once, none from forecasts of earlier ones.

| tokens | one token forecasts | V | M |
|---|---|---|---|
| steps | all targets at one time step | 1 | P |
| patches | `patch` time steps of one target | Y | ⌈P / patch⌉ |
| variates | the horizon of one target | Y | 1 |
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.ops.series.shapes import SeriesShape, TokenGrid
from darts_pl.spaces.series.tokens import Window


class Queries(nn.Module):
    """The horizon's tokens before any layer: a learned embedding of the place, a linear map over time, N → M, of the
    look-back's tokens, and an embedding of the known features of the steps that the token forecasts (variates have
    these as tokens of their own).

    Args:
        kind: steps, patches or variates. tokens: N of the look-back.
    """

    def __init__(self, kind: str, shape: SeriesShape, tokens: int, dim: int, patch: int):
        super().__init__()
        self.kind, self.horizon, self.targets = kind, shape.horizon, shape.targets
        self.span = {"steps": 1, "patches": patch, "variates": shape.horizon}[kind]
        self.grid = TokenGrid(1 if kind == "steps" else shape.targets, -(-shape.horizon // self.span), dim)
        places = (shape.targets, 1) if kind == "variates" else (1, self.grid.tokens)
        self.place = nn.Parameter(0.02 * torch.randn(*places, dim))
        self.summary = nn.Identity() if kind == "variates" else nn.Linear(tokens, self.grid.tokens, bias=False)
        known = shape.known_future > 0 and kind != "variates"
        self.embed_known = nn.Linear(self.span * shape.known_future, dim, bias=False) if known else None

    def forward(self, memory: Tensor, window: Window) -> Tensor:
        """Tokens of the look-back (B, V, N, D) → those of the horizon, (B, 1 or Y, M, D)."""
        memory = memory[:, : self.targets] if self.kind == "variates" else memory
        queries = self.summary(memory.transpose(2, 3)).transpose(2, 3) + self.place
        if self.embed_known is not None:
            assert window.future_known is not None  # as the shape says
            missing = self.grid.tokens * self.span - self.horizon
            known = F.pad(window.future_known.transpose(1, 2), (0, missing), mode="replicate")
            known = known.unflatten(2, (-1, self.span)).transpose(1, 2).flatten(2)  # (B, M, F · span)
            queries = queries + self.embed_known(known).unsqueeze(1)
        return queries


class Emission(nn.Module):
    """A linear map from each token of the horizon to the values that it forecasts."""

    def __init__(self, queries: Queries):
        super().__init__()
        self.kind, self.horizon = queries.kind, queries.horizon
        values = queries.targets if queries.kind == "steps" else queries.span
        self.linear = nn.Linear(queries.grid.dim, values)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, 1 or Y, M, D) → (B, P, Y)."""
        values = self.linear(tokens)
        if self.kind == "steps":
            return values.squeeze(1)
        return values.flatten(2)[..., : self.horizon].transpose(1, 2)


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
