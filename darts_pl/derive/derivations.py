"""Derivations: from the strengths of a cell to its discrete form.

Strengths are gates, times edge weights where there are some; one row an edge, one column a primitive: [E, K]. Edges are
counted node by node: node i has 2 + i incoming edges, from the states 0 to 1 + i in this order. Where every node is
joined to one input only, as in NAS-Bench-201, node i has 1 + i.
"""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from darts_pl.errors import ConfigError, TrainingError
from darts_pl.genotype import Cell, Edge

NONE = "none"
SKIP = "skip_connect"
SUPPRESSED = 1e-300  # below every gate that float32 can hold, above the 0 of a candidate that was dropped


class Derivation(ABC):
    """Makes the discrete cell of a kind out of its strengths. A subclass defines `__call__` and has the settings."""

    @property
    def chooses_inputs(self) -> bool:
        """Whether a node keeps some of its inputs only. False: every edge gets an operation."""
        return True

    @abstractmethod
    def __call__(self, strengths: Tensor, primitives: Sequence[str], num_nodes: int, kind: str = "normal") -> Cell:
        """The cell of strengths [E, K].

        Args:
            strengths: of the edges of one cell, [E, K].
            primitives: the K operation names; "none" may be absent.
            num_nodes: how many nodes the E edges enter. kind: of the cell, such as "normal" or "reduce".

        Raises:
            ConfigError: shapes, names or settings that do not fit each other.
            TrainingError: a strength that is not finite.
        """


@dataclass(frozen=True)
class TopEdges(Derivation):
    """The derivation of DARTS (arXiv:1806.09055, section 2.4): the `keep` strongest edges of each node.

    An edge is as strong as its largest gate among the operations other than "none", and gets the operation of
    that gate. Gates, not logits: edges can only be compared after the relaxation. Ties go to the lower source
    and the earlier primitive; the kept edges are written strongest first, as the original code does. A node
    with fewer than `keep` edges keeps them all.

    Raises:
        ConfigError: `keep` below 1; called, also where there is no operation besides "none".
    """

    keep: int = 2

    def __post_init__(self) -> None:
        check_keep(self.keep)

    def __call__(self, strengths: Tensor, primitives: Sequence[str], num_nodes: int, kind: str = "normal") -> Cell:
        """See `Derivation`; every kind alike."""
        columns = choosable(primitives)
        names = [primitives[k] for k in columns]
        rows_by_node = _rows_by_node(strengths, len(primitives), num_nodes)
        return cell_of([self._node([[row[k] for k in columns] for row in rows], names) for rows in rows_by_node])

    def _node(self, rows: list[list[float]], names: list[str]) -> list[Edge]:
        """The kept edges of one node; `rows[source]` holds the strengths of the operations `names`."""
        ranked = sorted(range(len(rows)), key=lambda source: -max(rows[source]))  # stable: ties keep the lower source
        return [Edge(names[rows[source].index(max(rows[source]))], source) for source in ranked[: self.keep]]


@dataclass(frozen=True)
class Threshold(TopEdges):
    """The derivation of FairDARTS (arXiv:1911.12126): as `TopEdges`, but an edge counts only where its largest gate
    reaches `threshold`, so that a node may have fewer than `keep` edges.

    It is made for gates that go to 0 or 1 each for itself, see `Sigmoid`. The released code may leave a node without
    an edge, a state of zeros; a node here keeps its strongest edge whatever its gate, as a genotype has at least one
    edge a node. "none", which FairDARTS leaves out of its primitives, is never chosen.

    Raises:
        ConfigError: as `TopEdges`; a threshold outside [0, 1].
    """

    threshold: float = 0.85

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"derivation.threshold={self.threshold}: expected a number from 0 to 1, as gates are")

    def _node(self, rows: list[list[float]], names: list[str]) -> list[Edge]:
        edges = super()._node(rows, names)
        return [edge for edge in edges if max(rows[edge.source]) >= self.threshold] or edges[:1]


@dataclass(frozen=True)
class SkipLimit(TopEdges):
    """`TopEdges` with at most `limit` skip connections in cells of `kinds`: the second half of P-DARTS' regularisation
    (arXiv:1904.12760, section 3.3; the first is the rule of the search `SkipDropout`).

    How many skip connections a cell has decides more about its depth and its parameters than anything else the search
    finds, so P-DARTS fixes it: while the derived cell has more than M of them, the weakest of those it has loses its
    gate and the cell is derived anew. Its edge then stands with its next strongest operation, and may give way to
    another edge. The paper and the released code do so in the normal cell only, with M = 2, and so do the defaults.
    The released code writes down the cells for every M from 8 to 0; here one is asked for.

    A skip that is the only operation left on an edge (its gate suppressed, not zero) is taken where the node has no
    other edge to offer, so the limit can be exceeded where earlier drops leave no choice.

    Raises:
        ConfigError: as `TopEdges`; a negative limit, kinds that are no list.
    """

    limit: int = 2
    kinds: Sequence[str] = ("normal",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit < 0:
            raise ConfigError(f"derivation.limit={self.limit}: expected at least 0")
        if isinstance(self.kinds, str):
            raise ConfigError(
                f"derivation.kinds={self.kinds!r}: expected a list of kinds of cells, such as [{self.kinds}]"
            )
        object.__setattr__(self, "kinds", tuple(self.kinds))

    def __call__(self, strengths: Tensor, primitives: Sequence[str], num_nodes: int, kind: str = "normal") -> Cell:
        """See `Derivation`."""
        gates = strengths.detach().to("cpu", torch.float64).clone()
        cell = super().__call__(gates, primitives, num_nodes, kind)
        if kind not in self.kinds or SKIP not in primitives:
            return cell
        column = list(primitives).index(SKIP)
        while True:
            chosen = [
                num_edges(node) + edge.source
                for node, edges in enumerate(cell.nodes)
                for edge in edges
                if edge.op == SKIP
            ]
            left = [row for row in chosen if gates[row, column] > SUPPRESSED]
            if len(chosen) <= self.limit or not left:
                return cell
            weakest = min(left, key=lambda row: float(gates[row, column]))  # of equals the first
            gates[weakest, column] = SUPPRESSED
            cell = super().__call__(gates, primitives, num_nodes, kind)


@dataclass(frozen=True)
class Strongest(Derivation):
    """The derivation of spaces in which every edge holds one operation, such as NAS-Bench-201: on each edge the
    operation with the largest gate. Ties go to the earlier primitive.

    Args:
        none: whether "none" may be chosen, as the DARTS of NAS-Bench-201 derives (arXiv:2001.00326, released code);
            False leaves it out, as P-DARTS does at its end.
    """

    none: bool = True

    @property
    def chooses_inputs(self) -> bool:
        """No: all."""
        return False

    def __call__(self, strengths: Tensor, primitives: Sequence[str], num_nodes: int, kind: str = "normal") -> Cell:
        """See `Derivation`; the last node alone is the output."""
        names = strongest(strengths, primitives)  # for its checks
        if not self.none:
            columns = choosable(primitives)
            names = strongest(strengths[:, columns], [primitives[k] for k in columns])
        return cell_of_all_edges(names, num_nodes)


def strongest(gates: Tensor, primitives: Sequence[str]) -> tuple[str, ...]:
    """On each edge of gates [E, K] the operation with the largest gate; ties go to the earlier primitive.

    Raises:
        ConfigError: gates of another shape. TrainingError: a gate is not finite.
    """
    if gates.ndim != 2 or gates.shape[1] != len(primitives):
        raise ConfigError(f"gates: found the shape {list(gates.shape)}, expected [edges, {len(primitives)}]")
    if not torch.isfinite(gates).all():
        raise TrainingError(f"gates: found {gates.tolist()}, expected finite numbers; the search has diverged")
    rows = gates.detach().to("cpu", torch.float64).tolist()
    return tuple(primitives[row.index(max(row))] for row in rows)


def num_edges(num_nodes: int) -> int:
    """The number of edges of a cell with `num_nodes` intermediate nodes: 14 for 4 nodes."""
    return num_nodes * (num_nodes + 3) // 2


def cell_of(nodes: list[list[Edge]]) -> Cell:
    """The cell of these nodes; every intermediate state is part of the output."""
    return Cell(tuple(map(tuple, nodes)), tuple(range(2, 2 + len(nodes))))


def cell_of_all_edges(names: Sequence[str], num_nodes: int) -> Cell:
    """The cell with an operation on each of its E edges; the last node is the output."""
    first_state = (len(names) - num_nodes * (num_nodes - 1) // 2) // num_nodes  # E = n · first + (0 + 1 + … + n - 1)
    left = iter(names)
    states = range(first_state, first_state + num_nodes)
    nodes = tuple(tuple(Edge(next(left), source) for source in range(state)) for state in states)
    return Cell(nodes, (states[-1],), first_state)


def _rows_by_node(gates: Tensor, num_ops: int, num_nodes: int) -> list[list[list[float]]]:
    """The rows of `gates` as lists of numbers, grouped by the node that their edges enter."""
    check_num_nodes(num_nodes)
    expected = (num_edges(num_nodes), num_ops)
    if tuple(gates.shape) != expected:
        raise ConfigError(
            f"gates: found the shape {list(gates.shape)}, expected {list(expected)}: "
            f"the edges of {num_nodes} nodes by operations"
        )
    rows = gates.detach().to("cpu", torch.float64).tolist()
    for edge, row in enumerate(rows):
        if not all(map(math.isfinite, row)):
            raise TrainingError(f"gates: edge {edge} holds {row}, expected finite numbers; the search has diverged")
    starts = [num_edges(node) for node in range(num_nodes + 1)]
    return [rows[start:end] for start, end in itertools.pairwise(starts)]


def choosable(primitives: Sequence[str]) -> list[int]:
    """The positions of the primitives that a derived network may use."""
    if len(set(primitives)) != len(primitives):
        raise ConfigError(f"primitives: found {list(primitives)}, expected each name once")
    columns = [k for k, name in enumerate(primitives) if name != NONE]
    if not columns:
        raise ConfigError(f"primitives: found {list(primitives)}, expected an operation besides {NONE!r}")
    return columns


def check_keep(keep: int) -> None:
    if keep < 1:
        raise ConfigError(f"keep: found {keep}, expected at least one edge for each node")


def check_num_nodes(num_nodes: int) -> None:
    if num_nodes < 1:
        raise ConfigError(f"num_nodes: found {num_nodes}, expected at least 1")


top_edges, threshold, skip_limit = TopEdges(), Threshold(), SkipLimit()  # the names that configurations had before
