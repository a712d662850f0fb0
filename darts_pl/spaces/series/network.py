"""The forecasting network, as a supernet over all its choices and as the network of one genotype.

With x the look-back (B, T, C), Y its first channels, the targets, and g the gates of each choice (in a derived network
one candidate has the gate 1 and the others are not there):

    shift = Σ_n g_n shift_n(x),  scale = Σ_n g_n scale_n(x)         normalization
    x' = (x - shift) / scale
    x'' = x' - s(past known features) in the targets               where there are any known features; s begins at 0
    trend = Σ_d g_d trend_d(x''),  r = x'' - trend                  decomposition
    ŷ' = W_trend trend_Y                                            W_trend [P, T], shared by the targets
       + Σ_s g_s shortcut_s(r_Y)                                    shortcut: none, or linear [P, T] with bias
       + Σ_t g_t branch_t(r, known features)                        tokens: see `tokens` and `branches`
       + s(future known features)
    ŷ = scale_Y ŷ' + shift_Y

With `last` or a mean as normalisation and the linear shortcut, the network contains NLinear and (with
`moving_average`) DLinear (arXiv:2205.13504); W_trend and the shortcut begin as the mean over the look-back. W_trend has
no bias, so that the decomposition `none`, of trend 0, is the network without it.

Branches hold the choices position, attention, feed_forward and (encoder_decoder) cross_attention, and the cells. All
places of a kind share one alpha, over branches and layers.
"""

from typing import TYPE_CHECKING

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.genotype import SeriesGenotype
from darts_pl.ops.series.shapes import SeriesShape
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import DerivedNetwork, Supernet
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.series.branches import BRANCHES, Sizes
from darts_pl.spaces.series.decomposition import DECOMPOSITIONS, linear_map
from darts_pl.spaces.series.known import KnownPart
from darts_pl.spaces.series.labels import NONE
from darts_pl.spaces.series.normalization import NORMALIZATIONS
from darts_pl.spaces.series.slots import DerivedFactory, Factory, SearchFactory, Zero
from darts_pl.spaces.series.tokens import Window

if TYPE_CHECKING:
    from darts_pl.spaces.series.space import SeriesSpace

Batch = dict[str, Tensor]


class Forecaster(nn.Module):
    """The equations of this file's head, with places filled by `factory`."""

    def __init__(self, mode: str, shape: SeriesShape, sizes: Sizes, factory: Factory):
        super().__init__()
        self.targets, self.known = shape.targets, shape.known_future > 0
        self.normalization = factory.choice("normalization", lambda name: NORMALIZATIONS[name](shape.channels))
        self.decomposition = factory.choice(
            "decomposition", lambda name: Zero() if name == NONE else DECOMPOSITIONS[name]()
        )
        over_time = shape.look_back, shape.horizon
        self.trend = None if self.decomposition is None else linear_map(*over_time, bias=False)
        self.shortcut = factory.choice("shortcut", lambda name: _shortcut(name, *over_time))
        tokens = factory.choice("tokens", lambda name: BRANCHES[mode](name, shape, sizes, factory))
        assert tokens is not None, "none is no candidate for tokens"
        self.tokens = tokens
        self.known_part = KnownPart(shape.known_future, sizes.dim, shape.targets) if self.known else None

    def forward(self, x: Batch) -> Tensor:
        """A batch → forecast (B, P, Y)."""
        past: Tensor = x["past"]
        shift: Tensor | None = None
        scale: Tensor | None = None
        if self.normalization is not None:
            shift, scale = self.normalization(past)
            scale = torch.where(scale == 0, 1.0, scale)  # gates that are all 0 normalise nothing
            past = (past - shift) / scale
        terms = []
        if self.known_part is not None:
            explained = self.known_part(x["past_known"])
            past = past - F.pad(explained, (0, past.shape[-1] - self.targets))
            terms.append(self.known_part(x["future_known"]))
        if self.decomposition is not None and self.trend is not None:
            trend = self.decomposition(past)
            terms.append(self.trend(trend[..., : self.targets].transpose(1, 2)).transpose(1, 2))
            past = past - trend
        if self.shortcut is not None:
            terms.append(self.shortcut(past[..., : self.targets].transpose(1, 2)).transpose(1, 2))
        known = (x["past_known"], x["future_known"]) if self.known else (None, None)
        terms.append(self.tokens(Window(past, *known)))
        forecast = sum(terms[1:], terms[0])
        if scale is None or shift is None:
            return forecast
        return forecast * scale[..., : self.targets] + shift[..., : self.targets]


class NoShortcut(nn.Module):
    """The candidate `none`: zeros over the horizon."""

    def __init__(self, horizon: int):
        super().__init__()
        self.horizon = horizon

    def forward(self, x: Tensor) -> Tensor:
        """(B, Y, T) → zeros (B, Y, P)."""
        return x.new_zeros(*x.shape[:-1], self.horizon)


def _shortcut(name: str, look_back: int, horizon: int) -> nn.Module:
    return NoShortcut(horizon) if name == NONE else linear_map(look_back, horizon, bias=True)


class SeriesSupernet(Supernet):
    """All candidate networks of a series space at once. Build it by `SeriesSpace.supernet`.

    Kinds are the labels with more than one candidate, [1, K], and the cells of the mode, [E, K].

    Attributes:
        space, shape: what it was built by and for.
    """

    def __init__(
        self, space: "SeriesSpace", shape: SeriesShape, sizes: Sizes, factory: SearchFactory, relaxation: Relaxation
    ):
        forecaster = Forecaster(space.mode, shape, sizes, factory)
        super().__init__(space.options, relaxation)
        self.space, self.shape = space, shape
        self.forecaster = forecaster
        self.reset_architecture()

    @property
    def cells(self) -> list[ChoiceModule]:  # type: ignore[override]  # `keep` may remove branches with choices in them
        """Every choice of a label and every cell, in the order of gates given as a list."""
        return [part for part in self.forecaster.modules() if isinstance(part, ChoiceModule)]

    def run(self, x: Batch) -> Tensor:
        """See `Supernet.run`: a batch → forecast (B, P, Y). There are no edge weights."""
        return self.forecaster(x)


class SeriesNetwork(DerivedNetwork):
    """The network of a genotype. Build it by `SeriesSpace.network`."""

    def __init__(self, genotype: SeriesGenotype, shape: SeriesShape, sizes: Sizes, factory: DerivedFactory):
        super().__init__()
        self.genotype, self.auxiliary = genotype, None
        self.forecaster = Forecaster(genotype.mode, shape, sizes, factory)

    def run(self, x: Batch) -> tuple[Tensor, Tensor]:
        """A batch → forecast (B, P, Y), and the same: there is no auxiliary head."""
        forecast = self.forecaster(x)
        return forecast, forecast
