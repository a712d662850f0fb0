"""The cell of forecasting networks, on tokens (B, V, N, D): a directed graph as in DARTS (arXiv:1806.09055,
section 2.1), but with the mean of its nodes as output, so that D stays."""

from collections.abc import Callable

import torch.nn as nn
from torch import Tensor

from darts_pl.genotype import Cell
from darts_pl.ops.series.shapes import TokenGrid
from darts_pl.spaces.drop_path import drop_path
from darts_pl.spaces.layout import edge_sources
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.series.gating import Gating

INPUTS = 2


def edge_key(state: int, source: int) -> str:
    """The name of an edge's module: "2_0" leads into state 2 from state 0."""
    return f"{state}_{source}"


def _mean(states: list[Tensor]) -> Tensor:
    return states[0] if len(states) == 1 else sum(states[1:], states[0]) / len(states)


class SeriesSearchCell(nn.Module):
    """A cell with a choice on every edge: s_j = Σ_{i<j} choice_{j←i}(s_i), output = mean of s_2, s_3, ….

    States 0 and 1 are the two inputs after a layer normalisation each.
    """

    def __init__(self, kind: str, dim: int, num_nodes: int, make_choice: Callable[[], MixedOperation]):
        super().__init__()
        self.kind, self.num_nodes = kind, num_nodes
        self.norms = nn.ModuleDict({str(state): nn.LayerNorm(dim) for state in range(INPUTS)})
        self.edges = nn.ModuleDict({edge_key(*edge): make_choice() for edge in edge_sources(num_nodes)})

    def forward(self, before_last: Tensor, last: Tensor, gating: Gating) -> Tensor:
        """Outputs of the two preceding layers (B, V, N, D) → the same shape."""
        states = [self.norms["0"](before_last), self.norms["1"](last)]
        rows = iter(zip(self.edges.values(), gating.rows[self].unbind(), strict=True))
        for _ in range(self.num_nodes):
            terms = [edge(source, gate, alone=gating.alone) for source, (edge, gate) in zip(states, rows)]
            states.append(sum(terms[1:], terms[0]))
        return _mean(states[INPUTS:])


class DerivedSeriesCell(nn.Module):
    """The cell of a genotype; an input that no edge reads has no normalisation either."""

    def __init__(self, kind: str, cell: Cell, grid: TokenGrid, operation: Callable[[str, TokenGrid], nn.Module]):
        super().__init__()
        self.kind, self.cell = kind, cell
        used = {edge.source for node in cell.nodes for edge in node}
        self.norms = nn.ModuleDict({str(s): nn.LayerNorm(grid.dim) for s in range(INPUTS) if s in used})
        self.edges = nn.ModuleDict(
            {
                edge_key(state, edge.source): operation(edge.op, grid)
                for state, node in enumerate(cell.nodes, start=INPUTS)
                for edge in node
            }
        )

    def forward(self, before_last: Tensor, last: Tensor, gating: Gating) -> Tensor:
        """Outputs of the two preceding layers (B, V, N, D) → the same shape."""
        inputs = {"0": before_last, "1": last}
        states = [self.norms[name](x) if name in self.norms else None for name, x in inputs.items()]
        for state, node in enumerate(self.cell.nodes, start=INPUTS):
            terms = [self._edge(state, edge.source, states[edge.source], gating) for edge in node]
            states.append(sum(terms[1:], terms[0]))
        return _mean(states[INPUTS:])

    def _edge(self, state: int, source: int, x: Tensor, gating: Gating) -> Tensor:
        operation = self.edges[edge_key(state, source)]
        y = operation(x)
        if self.training and gating.drop_path_probability > 0 and not isinstance(operation, nn.Identity):
            y = drop_path(y, gating.drop_path_probability)
        return y
