"""The walk through a cell, of a supernet or a derived network: states, edges, gates, output.

Every cell of this package runs here, whatever its states are (images, tokens, features). A faster engine takes the
place of `walk` where a cell has one (`GraphCell.engine`): it gets the same cell, whose `links()` name for every node
the modules, gates and weights of this pass.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError, nearest
from darts_pl.genotype import Cell
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.layout import node_sources
from darts_pl.spaces.mixed import Call, drop_path, is_droppable
from darts_pl.spaces.options import CellOptions, EdgeOptions


class Link(NamedTuple):
    """An edge of a cell, as one pass takes it.

    Args:
        source: the number of the state that it reads.
        operation: a `MixedOperation` in a supernet, in a derived network the operation that was chosen.
        gate: the row [K] that mixes the operation's candidates; None in a derived network.
        weight: a scalar that the edge's output is multiplied by; None: 1.
    """

    source: int
    operation: nn.Module
    gate: Tensor | None = None
    weight: Tensor | None = None


class Engine(Protocol):
    """A way to run cells."""

    def run(self, cell: "GraphCell", inputs: Sequence[Tensor]) -> Tensor:
        """What `walk(cell, inputs)` gives."""
        ...


class GraphCell(nn.Module):
    """A directed graph without circles: state j = Σ over its edges f_{j←i}(state i) (DARTS, arXiv:1806.09055, equation
    1). A subclass says how its states begin, what its edges are and how a term is made of an edge.

    Attributes:
        sources: for every node the states that its edges read. concat: the states that make the output.
        output: how they are joined, see `join_nodes`. engine: what runs the cell; None: `walk`.
    """

    engine: Engine | None = None
    sources: Sequence[Sequence[int]]
    concat: Sequence[int]
    output: str = "concat"

    def input_modules(self) -> Sequence[nn.Module]:
        """What makes a state (B, C, ...) of each input; none where inputs are states themselves."""
        return ()

    def first_states(self, *inputs: Tensor) -> list[Tensor]:
        """The states that are no nodes."""
        modules = self.input_modules()
        return [module(x) for module, x in zip(modules, inputs, strict=True)] if modules else list(inputs)

    def edge_modules(self) -> Iterable[nn.Module]:
        """What stands on the edges, node by node in the order of `sources`."""
        raise NotImplementedError(f"{type(self).__name__} must define edge_modules()")

    def links(self) -> list[list[Link]]:
        """The edges of every node, as this pass takes them."""
        modules = iter(self.edge_modules())
        return [[Link(*pair) for pair in zip(sources, modules)] for sources in self.sources]

    def term(self, link: Link, x: Tensor, context: tuple[object, ...]) -> Tensor:
        """What an edge adds to its node: f(x) of the shape (B, C, ...) that all terms of a node have."""
        raise NotImplementedError(f"{type(self).__name__} must define term(link, x, context)")

    def join(self, states: list[Tensor]) -> Tensor:
        """All states → the output of the cell."""
        return join_nodes([states[state] for state in self.concat], self.output)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The outputs of the preceding cells (B, C', ...) → the output of this one."""
        return walk(self, inputs) if self.engine is None else self.engine.run(self, inputs)


def walk(cell: GraphCell, inputs: Sequence[Tensor], context: tuple[object, ...] = ()) -> Tensor:
    """The output of `cell` on `inputs`; `context`, such as a mask, goes to every operation."""
    states = cell.first_states(*inputs)
    for node in cell.links():
        terms = [cell.term(link, states[link.source], context) for link in node]
        states.append(add(terms))
    return cell.join(states)


def add(terms: Sequence[Tensor]) -> Tensor:
    """The sum in the order of the terms, which fixes the rounding; one term is given back as it is, not added to 0."""
    return sum(terms[1:], terms[0])


def join_nodes(nodes: Sequence[Tensor], output: str) -> Tensor:
    """The nodes of a cell, or other tensors of one shape, as one.

    Args:
        nodes: each (B, C, ...). output: `concat` along dimension 1, (B, len(nodes) · C, ...), or, all (B, C, ...),
            `sum`, `mean` or the `last` alone.
    """
    if output == "concat":
        return torch.cat(list(nodes), dim=1)
    if output == "last":
        return nodes[-1]
    total = add(nodes)
    return total / len(nodes) if output == "mean" and len(nodes) > 1 else total


def check_output(output: str, where: str) -> None:
    """Raises ConfigError for a way to join nodes that does not exist; `where` begins the message."""
    known = ("concat", "sum", "mean")
    if output not in known:
        raise ConfigError(f"{where}={output!r} does not exist. {nearest(output, known)}")


class SearchedCell(GraphCell, ChoiceModule):
    """A cell with a choice on every edge: f_{j←i}(x) = weight_{j←i} · Σ_k gate_{j←i, k} · o_k(x), the weight only with
    edge normalisation. A subclass sets `edges`, one `MixedOperation` a row of gates, in this order.

    Args:
        label, options: see `ChoiceModule`. edges: (node, source) of every row of gates, node by node.
    """

    def __init__(self, label: str | None, options: CellOptions | EdgeOptions, edges: Sequence[tuple[int, int]]):
        super().__init__(label, options)
        self.sources = node_sources(edges)
        self.concat = tuple(dict.fromkeys(node for node, _ in edges))

    def edge_modules(self) -> Iterable[nn.Module]:
        """See `GraphCell.edge_modules`."""
        return self.mixed_operations().values()

    def links(self) -> list[list[Link]]:
        """See `GraphCell.links`, with gates [E, K] and edge weights [E]."""
        weights = [None] * len(self.targets) if self.edge_weights is None else self.edge_weights.unbind()
        rows = iter(zip(self.edge_modules(), self.rows(), weights, strict=True))
        return [[Link(source, *row) for source, row in zip(sources, rows)] for sources in self.sources]

    def chosen_operations(self, chosen: Cell) -> list[list[nn.Module]]:
        """The candidates that a cell of a genotype has, node by node."""
        edges = [(node, source) for node, sources in zip(self.concat, self.sources) for source in sources]
        choices = dict(zip(edges, self.mixed_operations().values(), strict=True))
        return [
            [choices[node, edge.source].candidates[edge.op] for edge in chosen_edges]
            for node, chosen_edges in zip(self.concat, chosen.nodes, strict=True)
        ]

    def term(self, link: Link, x: Tensor, context: tuple[object, ...]) -> Tensor:
        """See `GraphCell.term`."""
        given = Call((x, *context), {}) if context else x
        y = link.operation(given, link.gate, without_auxiliary=self.without_auxiliary)
        return y if link.weight is None else link.weight * y


class DerivedCell(GraphCell):
    """A cell of a genotype: f_{j←i} is the operation that was chosen, and there are no other edges.

    Attributes:
        drop_path_probability: of the paths through operations other than an identity, in train mode; set by
            `DerivedNetwork.drop_path_probability`.
    """

    drop_path_probability: float = 0.0

    def __init__(self, sources: Iterable[Iterable[int]], concat: Iterable[int]):
        super().__init__()
        self.sources, self.concat = [list(each) for each in sources], tuple(concat)

    def term(self, link: Link, x: Tensor, context: tuple[object, ...]) -> Tensor:
        """See `GraphCell.term`."""
        y = link.operation(x, *context)
        if self.training and self.drop_path_probability > 0 and is_droppable(link.operation):
            y = drop_path(y, self.drop_path_probability)
        return y


def cell_sources(cell: Cell) -> list[list[int]]:
    """For every node of a genotype's cell the states that its edges read."""
    return [[edge.source for edge in node] for node in cell.nodes]
