"""The cell of forecasting networks, on tokens (B, V, N, D): a directed graph as in DARTS (arXiv:1806.09055,
section 2.1), but with the mean of its nodes as output, so that D stays."""

from collections.abc import Callable, Iterable, Mapping

import torch.nn as nn
from torch import Tensor

from darts_pl.genotype import Cell
from darts_pl.ops.containers import ModuleDict
from darts_pl.ops.series.shapes import TokenGrid
from darts_pl.spaces.layout import edge_key, edge_sources
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import CellOptions, Chosen
from darts_pl.spaces.walk import DerivedCell, SearchedCell, cell_sources

INPUTS = ("0", "1")


class SeriesSearchCell(SearchedCell):
    """A cell with a choice on every edge: s_j = Σ_{i<j} choice_{j←i}(s_i), output = mean of s_2, s_3, ….

    States 0 and 1 are the two inputs after a layer normalisation each.
    """

    options: CellOptions
    output = "mean"

    def __init__(self, kind: str, dim: int, options: CellOptions, make_choice: Callable[[], MixedOperation]):
        edges = edge_sources(options.num_nodes)
        super().__init__(kind, options, edges)
        self.norms = nn.ModuleDict({state: nn.LayerNorm(dim) for state in INPUTS})
        self.edges = ModuleDict({edge_key(*edge): make_choice() for edge in edges})

    def first_states(self, *inputs: Tensor) -> list[Tensor]:
        """Outputs of the two preceding layers, (B, V, N, D) as all states."""
        return _normalized(self.norms, inputs)

    def freeze(self, chosen: Chosen) -> "DerivedSeriesCell":
        """The cell of these operations alone, with their weights."""
        cell = self.options.check(chosen)
        used = {str(edge.source) for node in cell.nodes for edge in node}
        norms = {state: norm for state, norm in self.norms.items() if state in used}
        return DerivedSeriesCell(cell, norms, self.chosen_operations(cell))


class DerivedSeriesCell(DerivedCell):
    """The cell of a genotype; an input that no edge reads has no normalisation either.

    Args:
        norms: of the inputs, "0" and "1". operations: those of every node, edge by edge.
    """

    output = "mean"

    def __init__(self, cell: Cell, norms: Mapping[str, nn.Module], operations: list[list[nn.Module]]):
        nodes = range(len(INPUTS), len(INPUTS) + len(cell.nodes))
        super().__init__(cell_sources(cell), nodes)
        self.norms, self.edges = nn.ModuleDict(norms), nn.ModuleDict()
        for state, node, built in zip(nodes, cell.nodes, operations, strict=True):
            self.edges.update({edge_key(state, edge.source): each for edge, each in zip(node, built, strict=True)})

    @classmethod
    def built(
        cls, cell: Cell, grid: TokenGrid, operation: Callable[[str, TokenGrid], nn.Module]
    ) -> "DerivedSeriesCell":
        """A cell with fresh weights, its operations built by `operation`."""
        used = {str(edge.source) for node in cell.nodes for edge in node}
        norms = {state: nn.LayerNorm(grid.dim) for state in INPUTS if state in used}
        return cls(cell, norms, [[operation(edge.op, grid) for edge in node] for node in cell.nodes])

    def first_states(self, *inputs: Tensor) -> list[Tensor]:
        """As of `SeriesSearchCell`; an input that no edge reads stays as it is."""
        return _normalized(self.norms, inputs)

    def edge_modules(self) -> Iterable[nn.Module]:
        """See `GraphCell.edge_modules`."""
        return self.edges.values()


def _normalized(norms: nn.ModuleDict, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    return [norms[state](x) if state in norms else x for state, x in zip(INPUTS, inputs)]
