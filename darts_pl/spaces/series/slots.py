"""The places of a forecasting network that a choice fills: mixed in a supernet, one module in a derived network.

Supernet and derived network are built by the same code (`branches`, `forecaster`), which asks a `Parts` for what goes
into each place. `SearchParts` answers with choices, `DerivedParts` with what a genotype selected and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.genotype import SeriesGenotype
from darts_pl.ops.series.shapes import TokenGrid
from darts_pl.relaxations.mixing import MixingFunction
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.series.cell import DerivedSeriesCell, SeriesSearchCell
from darts_pl.spaces.series.gating import Gating
from darts_pl.spaces.series.labels import NONE

Make = Callable[[str], nn.Module]


class Zero(nn.Module):
    """The candidate `none`: zeros of the input's shape."""

    def forward(self, x: Tensor) -> Tensor:
        """(...) → zeros (...)."""
        return torch.zeros_like(x)


class LabelChoice(MixedOperation):
    """A choice among parts of the network. Paths are never dropped: without its scale or its tokens there is no
    network."""

    def _droppable(self, candidate: nn.Module) -> bool:
        return False


class LabelGroup(nn.Module):
    """A choice among parts in the form of a cell with one edge, so that its alphas [1, K] are kept as those of cells
    are. All groups of a kind share them."""

    def __init__(self, kind: str, candidates: Mapping[str, nn.Module], mixing: MixingFunction):
        super().__init__()
        self.kind = kind
        self.edges = nn.ModuleDict({kind: LabelChoice(candidates, mixing)})

    def forward(self, x, gating: Gating) -> Tensor:
        """The candidates' outputs on `x`, mixed by this group's gates."""
        return self.edges[self.kind](x, gating.rows[self][0], alone=gating.alone)


class Fixed(nn.Module):
    """The one part in a place where nothing is to be chosen."""

    def __init__(self, module: nn.Module, name: str):
        super().__init__()
        self.module, self.name = module, name

    def forward(self, x, gating: Gating) -> Tensor:
        """The part's output on `x`."""
        return self.module(x)


class Parts(Protocol):
    """What fills the places of a network."""

    def choice(self, label: str, make: Make) -> nn.Module | None:
        """A module `(x, gating) -> y` from `make(name)` of the label's candidates; None where there is only `none`."""

    def cell(self, kind: str, grid: TokenGrid) -> nn.Module:
        """A module `(before last, last, gating) -> y` on tokens (B, V, N, D)."""


@dataclass(frozen=True)
class SearchParts:
    """Fills places with choices.

    Args:
        candidates: label → names. primitives: names on the edges of cells. operation: builds one of them.
        auxiliary_skip: give the choices of cells an auxiliary skip connection.
    """

    candidates: Mapping[str, tuple[str, ...]]
    primitives: tuple[str, ...]
    num_nodes: int
    operation: Callable[[str, TokenGrid], nn.Module]
    mixing: MixingFunction
    auxiliary_skip: bool = False

    def choice(self, label: str, make: Make) -> nn.Module | None:
        """See `Parts.choice`."""
        names = self.candidates[label]
        if len(names) > 1:
            return LabelGroup(label, {name: make(name) for name in names}, self.mixing)
        return None if names[0] == NONE else Fixed(make(names[0]), names[0])

    def cell(self, kind: str, grid: TokenGrid) -> nn.Module:
        """See `Parts.cell`."""

        def make_choice() -> MixedOperation:
            named = {name: self.operation(name, grid) for name in self.primitives}
            return MixedOperation(named, self.mixing, nn.Identity() if self.auxiliary_skip else None)

        return SeriesSearchCell(kind, grid.dim, self.num_nodes, make_choice)


@dataclass(frozen=True)
class DerivedParts:
    """Fills places with what `genotype` selected."""

    genotype: SeriesGenotype
    operation: Callable[[str, TokenGrid], nn.Module]

    def choice(self, label: str, make: Make) -> nn.Module | None:
        """See `Parts.choice`."""
        name = self.genotype.choices[label]
        return None if name == NONE else Fixed(make(name), name)

    def cell(self, kind: str, grid: TokenGrid) -> nn.Module:
        """See `Parts.cell`."""
        return DerivedSeriesCell(kind, self.genotype.cells[kind], grid, self.operation)
