"""What a window's tokens are: time steps, patches or variates.

| tokens | one token holds | V | N |
|---|---|---|---|
| steps | all channels and known features of one time step | 1 | T |
| patches | `patch` time steps of one target, with the same steps of all past covariates and known features (PatchTST: Nie et al., arXiv:2211.14730, section 3.1: channels for themselves) | Y | ⌈(T - patch) / stride⌉ + 1 |
| variates | the look-back of one channel, or look-back and horizon of one known feature (iTransformer: Liu et al., arXiv:2310.06625, section 3.1) | C + F | 1 |
"""  # noqa: E501

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.ops.series.shapes import SeriesShape, TokenGrid


@dataclass(frozen=True)
class Window:
    """The input of a branch.

    Args:
        past: normalised, without its trend, (B, T, C). past_known: (B, T, F), future_known: (B, P, F); None without.
    """

    past: Tensor
    past_known: Tensor | None
    future_known: Tensor | None


@dataclass(frozen=True)
class Patching:
    """Patches of `size` time steps, a new one every `stride`; what the last one lacks repeats the last step.

    Args:
        length: time steps, at least `size`.
    """

    length: int
    size: int
    stride: int

    @property
    def number(self) -> int:
        """N, how many patches there are."""
        return -(-(self.length - self.size) // self.stride) + 1

    def cut(self, x: Tensor) -> Tensor:
        """(B, length, C) → (B, C, N, size)."""
        missing = (self.number - 1) * self.stride + self.size - self.length
        return F.pad(x.transpose(1, 2), (0, missing), mode="replicate").unfold(2, self.size, self.stride)


class Steps(nn.Module):
    """A token a time step: a linear map of its C + F values to D."""

    def __init__(self, shape: SeriesShape, dim: int):
        super().__init__()
        self.grid = TokenGrid(1, shape.look_back, dim)
        self.embed = nn.Linear(shape.channels + shape.known_future, dim)

    def forward(self, window: Window) -> Tensor:
        """→ (B, 1, T, D)."""
        return self.embed(_join_features(window.past, window.past_known)).unsqueeze(1)


class Patches(nn.Module):
    """A token a patch of a target: a linear map of its values, and those of covariates at the same time, to D."""

    def __init__(self, shape: SeriesShape, dim: int, patching: Patching):
        super().__init__()
        self.targets, self.patching = shape.targets, patching
        self.grid = TokenGrid(shape.targets, patching.number, dim)
        self.embed = nn.Linear(patching.size, dim)
        covariates = shape.past_covariates + shape.known_future
        self.embed_covariates = nn.Linear(covariates * patching.size, dim, bias=False) if covariates else None

    def forward(self, window: Window) -> Tensor:
        """→ (B, Y, N, D)."""
        patches = self.patching.cut(_join_features(window.past, window.past_known))
        tokens = self.embed(patches[:, : self.targets])
        if self.embed_covariates is not None:
            covariates = patches[:, self.targets :].transpose(1, 2).flatten(2)  # (B, N, covariates · size)
            tokens = tokens + self.embed_covariates(covariates).unsqueeze(1)
        return tokens


class Variates(nn.Module):
    """A token a channel, then one a known feature: linear maps of their T, or T + P, values to D."""

    def __init__(self, shape: SeriesShape, dim: int):
        super().__init__()
        self.grid = TokenGrid(shape.channels + shape.known_future, 1, dim)
        self.embed = nn.Linear(shape.look_back, dim)
        known = shape.known_future > 0
        self.embed_known = nn.Linear(shape.look_back + shape.horizon, dim) if known else None

    def forward(self, window: Window) -> Tensor:
        """→ (B, C + F, 1, D)."""
        tokens = self.embed(window.past.transpose(1, 2))
        if self.embed_known is not None:
            assert window.past_known is not None and window.future_known is not None  # as the shape says
            known = torch.cat([window.past_known, window.future_known], dim=1)
            tokens = torch.cat([tokens, self.embed_known(known.transpose(1, 2))], dim=1)
        return tokens.unsqueeze(2)


def _join_features(past: Tensor, known: Tensor | None) -> Tensor:
    return past if known is None else torch.cat([past, known], dim=-1)


def stem(name: str, shape: SeriesShape, dim: int, patching: Patching) -> "Steps | Patches | Variates":
    """The module `Window -> tokens` of the kind `name`, with a `grid`."""
    if name == "patches":
        return Patches(shape, dim, patching)
    stems: dict[str, type[Steps] | type[Variates]] = {"steps": Steps, "variates": Variates}
    return stems[name](shape, dim)


@dataclass(frozen=True)
class Along:
    """The axis on which tokens form sequences of `length`.

    Args:
        series: whether along V, each time place for itself; else along N, each series for itself.
    """

    length: int
    series: bool

    @classmethod
    def of(cls, grid: TokenGrid) -> "Along":
        """Along N where there is more than one token a series, else along V."""
        return cls(grid.tokens, False) if grid.tokens > 1 else cls(grid.series, True)

    def fold(self, tokens: Tensor) -> Tensor:
        """(B, V, N, D) → sequences (S, L, D)."""
        return (tokens.transpose(1, 2) if self.series else tokens).flatten(0, 1)

    def unfold(self, sequences: Tensor, like: Tensor) -> Tensor:
        """(S, L, D) → (B, V, N, D), where `like` (B, V, N, D) has the same B, V and N."""
        if not self.series:
            return sequences.view(like.shape)
        batch, series, tokens, dim = like.shape
        return sequences.view(batch, tokens, series, dim).transpose(1, 2)
