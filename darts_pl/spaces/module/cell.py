"""A cell of operations as a choice: a small directed graph that a search wires."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch.nn as nn
from torch import Tensor

from darts_pl.derive import NONE
from darts_pl.errors import ConfigError
from darts_pl.genotype import Cell as CellGenotype
from darts_pl.ops.containers import ModuleDict, ModuleList
from darts_pl.relaxations.mixing import MixingFunction
from darts_pl.spaces.choice import unbound
from darts_pl.spaces.layout import edge_key, edge_sources
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.module.candidates import check_name, module_of
from darts_pl.spaces.options import CellOptions, Chosen
from darts_pl.spaces.walk import DerivedCell, SearchedCell, cell_sources, check_output, walk


class Cell(SearchedCell):
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

    options: CellOptions

    def __init__(
        self,
        primitives: Mapping[str, Callable[[], nn.Module]],
        nodes: int = 2,
        label: str | None = None,
        output: str = "concat",
    ):
        where = f"Cell {label!r}" if label else "Cell"
        _check(primitives, nodes, output, where)
        edges = edge_sources(nodes)
        super().__init__(label, CellOptions(tuple(primitives), nodes), edges)
        self.output = output

        def make_choice() -> MixedOperation:
            named = {name: module_of(build, f"{where}, primitive {name!r}") for name, build in primitives.items()}
            return MixedOperation(named, unbound)

        self.mixed = ModuleDict({edge_key(*edge): make_choice() for edge in edges})

    def mixed_operations(self) -> dict[str, MixedOperation]:
        """A row an edge."""
        return dict(self.mixed.items())

    def signature(self) -> tuple[object, ...]:
        """Also the output."""
        return *super().signature(), self.output

    def bind(self, mixing: MixingFunction, auxiliary_skip: bool = False) -> None:
        """Auxiliary skips are identities, as operations keep the shape."""
        super().bind(mixing, auxiliary_skip)
        for edge in self.mixed.values():
            edge.auxiliary = First() if auxiliary_skip else None

    # Of the cells with any number of inputs this one has two, and what its operations get besides.
    def forward(self, before_last: Tensor, last: Tensor, *context: object) -> Tensor:  # type: ignore[override]
        """Two inputs of one shape (B, D, ...) → (B, nodes · D, ...), or (B, D, ...) of a sum or mean. Every operation
        gets a state and the `context`, such as a mask."""
        return walk(self, (before_last, last), context)

    def freeze(self, chosen: Chosen) -> "WiredCell":
        """A cell of these operations alone."""
        cell = self.options.check(chosen)
        return WiredCell(cell, self.chosen_operations(cell), self.output)


def _check(primitives: object, nodes: int, output: str, where: str) -> None:
    if not isinstance(primitives, Mapping) or not set(primitives) - {NONE}:
        raise ConfigError(f"{where}: found primitives {primitives!r}, expected name → builder, besides 'none'")
    for name, build in primitives.items():
        check_name(name, where)
        if isinstance(build, nn.Module):
            raise ConfigError(f"{where}, primitive {name!r}: found a module, expected what builds one")
    if nodes < 1:
        raise ConfigError(f"{where}: found nodes={nodes}, expected at least 1")
    check_output(output, f"{where}: output")


class First(nn.Module):
    """The first of several inputs: a skip connection that needs no context."""

    def forward(self, x: Tensor, *context: object) -> Tensor:
        """x."""
        return x


class WiredCell(DerivedCell):
    """A cell as a genotype wires it.

    Args:
        operations: those of every node, edge by edge. output: as of `Cell`.
    """

    def __init__(self, cell: CellGenotype, operations: Sequence[Sequence[nn.Module]], output: str):
        super().__init__(cell_sources(cell), cell.concat)
        self.output = output
        self.operations = ModuleList(ModuleList(node) for node in operations)

    # The same inputs as those of `Cell`.
    def forward(self, before_last: Tensor, last: Tensor, *context: object) -> Tensor:  # type: ignore[override]
        """As `Cell.forward`."""
        return walk(self, (before_last, last), context)

    def edge_modules(self) -> Iterator[nn.Module]:
        """See `GraphCell.edge_modules`."""
        return itertools.chain.from_iterable(self.operations)
