"""The places of a forecasting network that a choice fills: mixed in a supernet, one module in a derived network.

Supernet and derived network are built by the same code (`branches`, `forecaster`), which asks a `Factory` for what goes
into each place. `SearchFactory` answers with choices, `DerivedFactory` with what a genotype selected and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.genotype import SeriesGenotype
from darts_pl.ops.containers import ModuleDict
from darts_pl.ops.series.shapes import TokenGrid
from darts_pl.relaxations.mixing import MixingFunction
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import CellOptions, Chosen, OneOf
from darts_pl.spaces.series.cell import DerivedSeriesCell, SeriesSearchCell
from darts_pl.spaces.series.labels import NONE

Make = Callable[[str], nn.Module]


class Zero(nn.Module):
    """The candidate `none`: zeros of the input's shape."""

    def forward(self, x: Tensor) -> Tensor:
        """(...) → zeros (...)."""
        return torch.zeros_like(x)


class LabelChoice(ChoiceModule):
    """A choice among parts of the network. All choices of a label share their alphas [1, K]."""

    options: OneOf

    def __init__(self, label: str, candidates: Mapping[str, nn.Module], mixing: MixingFunction):
        super().__init__(label, OneOf(tuple(candidates)))
        # Paths are never dropped: without its scale or its tokens there is no network.
        self.edges = ModuleDict({label: MixedOperation(candidates, mixing, droppable=False)})

    def forward(self, x: Any) -> Tensor:
        """The candidates' outputs on `x`, mixed by this choice's gates."""
        (gate,) = self.rows()
        return self.edges[self.kind](x, gate)

    def freeze(self, chosen: Chosen) -> "Fixed":
        """The one candidate, with its weights."""
        return Fixed(self.edges[self.kind].candidates[self.options.check(chosen)])


class Fixed(nn.Module):
    """The one part in a place where nothing is to be chosen."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, x: Any) -> Tensor:
        """The part's output on `x`."""
        return self.module(x)


class Factory(Protocol):
    """What fills the places of a network."""

    def choice(self, label: str, make: Make) -> nn.Module | None:
        """A module `x -> y` from `make(name)` of the label's candidates; None where there is only `none`."""

    def cell(self, kind: str, grid: TokenGrid) -> nn.Module:
        """A module `(before last, last) -> y` on tokens (B, V, N, D)."""


@dataclass(frozen=True)
class SearchFactory:
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
        """See `Factory.choice`."""
        names = self.candidates[label]
        if len(names) > 1:
            return LabelChoice(label, {name: make(name) for name in names}, self.mixing)
        return None if names[0] == NONE else Fixed(make(names[0]))

    def cell(self, kind: str, grid: TokenGrid) -> nn.Module:
        """See `Factory.cell`."""

        def make_choice() -> MixedOperation:
            named = {name: self.operation(name, grid) for name in self.primitives}
            return MixedOperation(named, self.mixing, nn.Identity() if self.auxiliary_skip else None)

        return SeriesSearchCell(kind, grid.dim, CellOptions(self.primitives, self.num_nodes), make_choice)


@dataclass(frozen=True)
class DerivedFactory:
    """Fills places with what `genotype` selected."""

    genotype: SeriesGenotype
    operation: Callable[[str, TokenGrid], nn.Module]

    def choice(self, label: str, make: Make) -> nn.Module | None:
        """See `Factory.choice`."""
        name = self.genotype.choices[label]
        return None if name == NONE else Fixed(make(name))

    def cell(self, kind: str, grid: TokenGrid) -> nn.Module:
        """See `Factory.cell`."""
        return DerivedSeriesCell.built(self.genotype.cells[kind], grid, self.operation)
