"""A cell of operations as a choice: a small directed graph that a search wires."""

from collections.abc import Callable, Mapping

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import NONE, Derivation, random_cell
from darts_pl.errors import ConfigError, nearest
from darts_pl.genotype import Cell as CellGenotype
from darts_pl.genotype import Edge
from darts_pl.spaces.layout import edge_sources
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.module.choice import MixedCall
from darts_pl.spaces.module.opening import Chosen, Open, check_name, module_of

OUTPUTS = ("concat", "sum", "mean")


class Cell(Open):
    """A cell of the kind of DARTS (arXiv:1806.09055, section 2.1) for anything that keeps its shape.

    States 0 and 1 are the two inputs. Node j is the sum over all states before it of a choice among the primitives,
    x_j = Σ_{i<j} Σ_k gate[j←i, k] · o_k(x_i), and the output joins the nodes. By derivation each node keeps its two
    strongest inputs, each with its strongest operation other than `none`.

    Args:
        primitives: name → builder of an operation that keeps the shape of its input. `none` is left out of genotypes.
        nodes: how many. label: as of `Choice`; cells of one label are wired alike.
        output: `concat` along dimension 1, `sum` or `mean` of the nodes.

    Raises:
        ConfigError: no node, nothing to choose besides `none`, an unknown output.
    """

    def __init__(
        self,
        primitives: Mapping[str, Callable[[], nn.Module]],
        nodes: int = 2,
        label: str | None = None,
        output: str = "concat",
    ):
        super().__init__(label)
        where = f"Cell {label!r}" if label else "Cell"
        self._check(primitives, nodes, output, where)
        self.names, self.num_nodes, self.output = tuple(primitives), nodes, output
        self.nodes = tuple(state for state, _ in edge_sources(nodes))
        self.mixed = nn.ModuleDict()
        for state, source in edge_sources(nodes):
            named = {name: module_of(build, f"{where}, primitive {name!r}") for name, build in primitives.items()}
            self.mixed[f"{state}_{source}"] = MixedCall(named)

    @staticmethod
    def _check(primitives: object, nodes: int, output: str, where: str) -> None:
        if not isinstance(primitives, Mapping) or not set(primitives) - {NONE}:
            raise ConfigError(f"{where}: found primitives {primitives!r}, expected name → builder, besides 'none'")
        for name, build in primitives.items():
            check_name(name, where)
            if isinstance(build, nn.Module):
                raise ConfigError(f"{where}, primitive {name!r}: found a module, expected what builds one")
        if nodes < 1:
            raise ConfigError(f"{where}: found nodes={nodes}, expected at least 1")
        if output not in OUTPUTS:
            raise ConfigError(f"{where}: output={output!r} does not exist. {nearest(output, OUTPUTS)}")

    @property
    def row_names(self) -> tuple[str, ...]:
        """Edges as `2<-0`: into state 2 from state 0."""
        return tuple(name.replace("_", "<-") for name in self.mixed)

    @property
    def edges(self) -> dict[str, MixedOperation]:
        """A row an edge."""
        return dict(zip(self.row_names, self.mixed.values()))

    def signature(self) -> tuple:
        """Also the output."""
        return *super().signature(), self.output

    def bind(self, mixing, auxiliary_skip: bool) -> None:
        """Auxiliary skips are identities, as operations keep the shape."""
        super().bind(mixing, auxiliary_skip)
        for edge in self.edges.values():
            edge.auxiliary = First() if auxiliary_skip else None

    def forward(self, before_last: Tensor, last: Tensor, *context: Tensor) -> Tensor:
        """Two inputs of one shape (B, D, ...) → (B, nodes · D, ...), or (B, D, ...) of a sum or mean. Every operation
        gets a state and the `context`, such as a mask."""
        states, rows = [before_last, last], iter(zip(self.mixed.values(), self.rows(), strict=True))
        for _ in range(self.num_nodes):
            terms = [
                edge.call((source, *context), {}, gate, alone=self.alone)
                for source, (edge, gate) in zip(list(states), rows)
            ]
            states.append(sum(terms[1:], terms[0]))
        return together(states[2:], self.output)

    def check(self, chosen: Chosen) -> None:
        """A cell of as many nodes with known operations."""
        if not isinstance(chosen, CellGenotype) or len(chosen.nodes) != self.num_nodes:
            raise ValueError(f"expected a cell of {self.num_nodes} nodes")
        for edge in (edge for node in chosen.nodes for edge in node):
            if edge.op not in self.names:
                raise ValueError(f"expected known operations, not {edge.op!r}. {nearest(edge.op, self.names)}")

    def _operations(self, chosen: CellGenotype) -> list[list[nn.Module]]:
        return [
            [self.mixed[f"{state}_{edge.source}"].candidates[edge.op] for edge in node]
            for state, node in enumerate(chosen.nodes, start=2)
        ]

    def some(self, last: bool = False) -> Chosen:
        """Every node from the two inputs, by the first primitive that is an operation or the last."""
        name = next(name for name in (reversed(self.names) if last else self.names) if name != NONE)
        node = (Edge(name, 0), Edge(name, 1))
        return CellGenotype((node,) * self.num_nodes, tuple(range(2, 2 + self.num_nodes)))

    def draw(self, generator: torch.Generator) -> Chosen:
        """Two distinct inputs a node, any operation but `none`."""
        return random_cell(self.names, self.num_nodes, generator)

    def derive(self, strengths: Tensor, derivation: Derivation) -> Chosen:
        """By `derivation`, see `darts_pl.derive`."""
        return derivation(strengths, self.names, self.num_nodes)  # of the kind "normal", whatever its label

    def one_hot(self, chosen: Chosen) -> Tensor:
        """A row an edge, of zeros where the edge is left out."""
        gates, rows = torch.zeros(len(self.nodes), len(self.names)), list(self.mixed)
        for state, node in enumerate(chosen.nodes, start=2):
            for edge in node:
                gates[rows.index(f"{state}_{edge.source}"), self.names.index(edge.op)] = 1.0
        return gates

    def selected(self, chosen: Chosen) -> list[nn.Module]:
        """The operations of the cell's edges."""
        return [operation for node in self._operations(chosen) for operation in node]

    def decided(self, chosen: Chosen) -> nn.Module:
        """A cell of these operations alone."""
        return WiredCell(chosen, self._operations(chosen), self.output)


class First(nn.Module):
    """The first of several inputs: a skip connection that needs no context."""

    def forward(self, x: Tensor, *context: Tensor) -> Tensor:
        """x."""
        return x


class WiredCell(nn.Module):
    """A cell as a genotype wires it."""

    def __init__(self, cell: CellGenotype, operations: list[list[nn.Module]], output: str):
        super().__init__()
        self.sources = [[edge.source for edge in node] for node in cell.nodes]
        self.concat, self.output = cell.concat, output
        self.operations = nn.ModuleList(nn.ModuleList(node) for node in operations)

    def forward(self, before_last: Tensor, last: Tensor, *context: Tensor) -> Tensor:
        """As `Cell.forward`."""
        states = [before_last, last]
        for operations, sources in zip(self.operations, self.sources):
            terms = [operation(states[source], *context) for operation, source in zip(operations, sources)]
            states.append(sum(terms[1:], terms[0]))
        return together([states[state] for state in self.concat], self.output)


def together(nodes: list[Tensor], output: str) -> Tensor:
    """The nodes of a cell as its output."""
    if output == "concat":
        return torch.cat(nodes, dim=1)
    total = sum(nodes[1:], nodes[0])
    return total / len(nodes) if output == "mean" else total
