"""What can be chosen at one place of a network, as data: the names, and the ways from gates to a choice and back."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from darts_pl.derive import NONE, Derivation, random_cell, strongest
from darts_pl.errors import ConfigError, nearest
from darts_pl.genotype import Cell, Edge
from darts_pl.spaces.layout import edge_name, edge_sources

Chosen = str | tuple[str, ...] | Cell
"""What is chosen at a place: a candidate, inputs or an operation an edge, a cell."""


@dataclass(frozen=True)
class Options(ABC):
    """What a kind is chosen from.

    Args:
        names: the K candidates, in gate order.
    """

    names: tuple[str, ...]

    @property
    def targets(self) -> tuple[int, ...]:
        """For each of the E rows of gates the node that it enters."""
        return (0,)

    def row_names(self, kind: str) -> list[str]:
        """The names of the E rows."""
        return [kind]

    @abstractmethod
    def check(self, chosen: Chosen) -> Chosen:
        """`chosen` itself; raises ValueError, with what was found and what was expected, where it cannot be chosen."""

    @abstractmethod
    def any_choice(self, last: bool = False) -> Chosen:
        """Any choice, of the first names or of the last."""

    @abstractmethod
    def draw(self, generator: torch.Generator) -> Chosen:
        """A choice drawn uniformly from `generator` (on the CPU)."""

    @abstractmethod
    def derive(self, strengths: Tensor, derivation: Derivation, kind: str = "normal") -> Chosen:
        """What strengths [E, K] choose; `derivation` is for cells, and is told that they are of this `kind`."""

    def one_hot(self, chosen: Chosen) -> Tensor:
        """Gates [E, K] that select exactly what was chosen; a row is zero where an edge is left out."""
        gates = torch.zeros(len(self.targets), len(self.names))
        for row, name in self.places(chosen):
            gates[row, self.names.index(name)] += 1.0
        return gates

    @abstractmethod
    def places(self, chosen: Chosen) -> Sequence[tuple[int, str]]:
        """(row, candidate) of every gate that is 1 for what was chosen."""


@dataclass(frozen=True)
class OneOf(Options):
    """One of the candidates."""

    def check(self, chosen: Chosen) -> str:
        """One of the names."""
        if not isinstance(chosen, str) or chosen not in self.names:
            raise ValueError(f"found {describe_choice(chosen)}, expected one of {', '.join(self.names)}")
        return chosen

    def any_choice(self, last: bool = False) -> str:
        """The first or the last."""
        return self.names[-1 if last else 0]

    def draw(self, generator: torch.Generator) -> str:
        """Any name."""
        return self.names[int(torch.randint(len(self.names), (1,), generator=generator))]

    def derive(self, strengths: Tensor, derivation: Derivation, kind: str = "normal") -> str:
        """The strongest; ties go to the earlier."""
        return strongest(strengths, self.names)[0]

    def places(self, chosen: Chosen) -> list[tuple[int, str]]:
        """One gate in the one row."""
        return [(0, self.check(chosen))]


@dataclass(frozen=True)
class SomeOf(Options):
    """`number` of the candidates, in any order, each at most once: a row of gates a place."""

    number: int

    @property
    def targets(self) -> tuple[int, ...]:
        """The places."""
        return tuple(range(self.number))

    def row_names(self, kind: str) -> list[str]:
        """`kind` for one place, else `kind 1`, `kind 2`, …"""
        return [kind] if self.number == 1 else [f"{kind} {place + 1}" for place in self.targets]

    def check(self, chosen: Chosen) -> tuple[str, ...]:
        """So many different names."""
        known = isinstance(chosen, tuple) and set(chosen) <= set(self.names)
        if not isinstance(chosen, tuple) or not known or not len(set(chosen)) == len(chosen) == self.number:
            expected = f"expected a list of {self.number} of the inputs {', '.join(self.names)}"
            raise ValueError(f"found {describe_choice(chosen)}, {expected}")
        return chosen

    def any_choice(self, last: bool = False) -> tuple[str, ...]:
        """The first ones or the last."""
        return self.names[-self.number :] if last else self.names[: self.number]

    def draw(self, generator: torch.Generator) -> tuple[str, ...]:
        """So many in any order."""
        order = torch.randperm(len(self.names), generator=generator)
        return tuple(self.names[i] for i in order[: self.number])

    def derive(self, strengths: Tensor, derivation: Derivation, kind: str = "normal") -> tuple[str, ...]:
        """Places filled by descending strength; ties go to the earlier place, then to the earlier name."""
        strongest(strengths, self.names)  # for its checks
        taken: dict[int, int] = {}
        for flat in strengths.detach().double().cpu().flatten().argsort(descending=True, stable=True).tolist():
            place, name = divmod(flat, len(self.names))
            if place not in taken and name not in taken.values():
                taken[place] = name
        return tuple(self.names[taken[place]] for place in self.targets)

    def places(self, chosen: Chosen) -> list[tuple[int, str]]:
        """One gate a place."""
        return list(enumerate(self.check(chosen)))


@dataclass(frozen=True)
class EdgeOptions(Options):
    """One of the candidates on each of the given edges (node, source), none of which is left out."""

    edges: tuple[tuple[int, int], ...]

    @property
    def targets(self) -> tuple[int, ...]:
        """Of each edge the node."""
        return tuple(node for node, _ in self.edges)

    def row_names(self, kind: str) -> list[str]:
        """The edges, as `2<-0`: into node 2 from node 0."""
        return [edge_name(*edge) for edge in self.edges]

    def check(self, chosen: Chosen) -> tuple[str, ...]:
        """Known names, one an edge."""
        if not isinstance(chosen, tuple):
            raise ValueError(f"found {describe_choice(chosen)}, expected {len(self.edges)} names, one an edge")
        for edge, name in zip(self.edges, chosen, strict=True):
            if name not in self.names:
                raise ValueError(f"edge {edge_name(*edge)}: {_format_unknown(name, self.names)}")
        return chosen

    def any_choice(self, last: bool = False) -> tuple[str, ...]:
        """The same name on all edges."""
        return (self.names[-1 if last else 0],) * len(self.edges)

    def draw(self, generator: torch.Generator) -> tuple[str, ...]:
        """Any name on every edge, `none` included."""
        drawn = torch.randint(len(self.names), (len(self.edges),), generator=generator).tolist()
        return tuple(self.names[k] for k in drawn)

    def derive(self, strengths: Tensor, derivation: Derivation, kind: str = "normal") -> tuple[str, ...]:
        """By `derivation`, see `darts_pl.derive.Strongest`."""
        if len(strengths) != len(self.edges):
            raise ConfigError(f"strengths: found {len(strengths)} edges, expected {len(self.edges)}")
        cell = derivation(strengths, self.names, num_nodes=len(set(self.targets)))
        operations = tuple(edge.op for node in cell.nodes for edge in node)
        if len(operations) != len(self.edges):
            raise ConfigError(
                f"the derivation gave {len(operations)} operations, expected {len(self.edges)}, one an edge"
            )
        return operations

    def places(self, chosen: Chosen) -> list[tuple[int, str]]:
        """One gate an edge."""
        return list(enumerate(self.check(chosen)))


@dataclass(frozen=True)
class CellOptions(Options):
    """A cell of `num_nodes` nodes, each of which reads some of the states before it, by a candidate other than `none`.
    A row an edge: into state 2 from 0 and 1, into state 3 from 0, 1 and 2, …"""

    num_nodes: int

    @property
    def targets(self) -> tuple[int, ...]:
        """Of each edge the state that it enters."""
        return tuple(state for state, _ in edge_sources(self.num_nodes))

    def row_names(self, kind: str) -> list[str]:
        """The edges, as `2<-0`: into state 2 from state 0."""
        return [edge_name(*edge) for edge in edge_sources(self.num_nodes)]

    def check(self, chosen: Chosen) -> Cell:
        """A cell of as many nodes with known operations."""
        if not isinstance(chosen, Cell) or len(chosen.nodes) != self.num_nodes:
            raise ValueError(f"found {describe_choice(chosen)}, expected a cell of {self.num_nodes} nodes")
        for state, node in enumerate(chosen.nodes, start=2):
            for edge in node:
                if edge.op not in self.names:
                    raise ValueError(f"node {state}: {_format_unknown(edge.op, self.names)}")
        return chosen

    def any_choice(self, last: bool = False) -> Cell:
        """Every node from the two inputs, by the first candidate that is an operation or the last."""
        name = next(name for name in (reversed(self.names) if last else self.names) if name != NONE)
        node = (Edge(name, 0), Edge(name, 1))
        return Cell((node,) * self.num_nodes, tuple(range(2, 2 + self.num_nodes)))

    def draw(self, generator: torch.Generator) -> Cell:
        """Two distinct inputs a node, any operation but `none`."""
        return random_cell(self.names, self.num_nodes, generator)

    def derive(self, strengths: Tensor, derivation: Derivation, kind: str = "normal") -> Cell:
        """By `derivation`, see `darts_pl.derive`."""
        return derivation(strengths, self.names, self.num_nodes, kind)

    def places(self, chosen: Chosen) -> list[tuple[int, str]]:
        """One gate for each edge that is not left out. Raises ValueError for a cell without a node in its output."""
        cell = self.check(chosen)
        if sorted(cell.concat) != list(range(2, 2 + self.num_nodes)):
            raise ValueError(f"concatenates the states {list(cell.concat)}, the supernet all of its nodes")
        rows = {edge: row for row, edge in enumerate(edge_sources(self.num_nodes))}
        nodes = enumerate(cell.nodes, start=2)
        return [(rows[state, edge.source], edge.op) for state, node in nodes for edge in node]


def describe_choice(chosen: Chosen) -> str:
    """A choice as messages name it."""
    if isinstance(chosen, Cell):
        return f"a cell of {len(chosen.nodes)} nodes"
    return repr(chosen if isinstance(chosen, str) else list(chosen))


def _format_unknown(name: str, names: Sequence[str]) -> str:
    return f"{name!r} is not in this space. {nearest(name, names)}"
