"""The genotype of NAS-Bench-201: one operation on each of a cell's six edges (arXiv:2001.00326, section 2.1). No torch.

A cell has the nodes 0 (its input) to 3 (its output); every node is joined to all before it, and `none` on an edge means
no connection. Three writings of one cell are in use, all read and written here:

- operations by edge, in the order 1←0, 2←0, 2←1, 3←0, 3←1, 3←2 (`operations`; in JSON node by node);
- the text of the published tables, `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|`: nodes parted by +, and on each
  edge the operation and its source (`text`);
- six digits, one an edge in the same order, for the five published operations (`digits`). Tables of other authors
  order edges or operations otherwise: check before you join them.

Cells that compute the same function (isomorphic ones) are different genotypes, as they are in the tables.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.base import AnyGenotype, ChosenNames
from darts_pl.genotype.cell import Cell, Edge, check_keys, node_place

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")  # place = digit
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # (node, source)
NUM_NODES = 3  # beside the input
EXPECTED_TEXT = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
NAME = re.compile(r"[^\s|~+]+")


@dataclass(frozen=True)
class Nasbench201Genotype(AnyGenotype):
    """The cell that all stages of a NAS-Bench-201 network repeat: the names of the operations on its six edges.

    Raises:
        GenotypeError: not six names, or a name that the text form could not hold.
    """

    space: ClassVar[str] = "nasbench201"
    cells_only: ClassVar[bool] = True

    operations: tuple[str, ...]
    choices: Mapping[str, ChosenNames] = field(init=False, repr=False, compare=False, default_factory=dict)
    cells: Mapping[str, Cell] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.operations) != len(EDGES):
            raise GenotypeError(f"found {len(self.operations)} operations, expected {len(EDGES)}, one for each edge")
        for (node, source), name in zip(EDGES, self.operations):
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise GenotypeError(
                    f"edge {node}<-{source}: found {shown(repr(name))}, expected the name of an operation"
                )

        nodes = tuple(
            tuple(Edge(op, source) for (state, source), op in zip(EDGES, self.operations) if state == node)
            for node in range(1, NUM_NODES + 1)
        )
        object.__setattr__(self, "cells", {"cell": Cell(nodes, (NUM_NODES,), first_state=1)})

    @property
    def text(self) -> str:
        """The published writing, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
        nodes = self.cells["cell"].nodes
        return "+".join("|" + "|".join(f"{edge.op}~{edge.source}" for edge in node) + "|" for node in nodes)

    @classmethod
    def from_text(cls, text: str, where: str = "genotype") -> "Nasbench201Genotype":
        """Read the text of the published tables.

        Raises:
            GenotypeError: a node, an edge or a source is missing, too many or out of order; the place is named.
        """
        nodes = text.strip().split("+")
        if len(nodes) != NUM_NODES:
            raise GenotypeError(f"{where}: found {len(nodes):,} nodes parted by '+', expected {EXPECTED_TEXT}")
        pairs = [_edges_of(node, index, where) for index, node in enumerate(nodes)]
        return cls.from_cell(Cell.from_lists(pairs, [NUM_NODES], f"{where}: cell", first_state=1), f"{where}: cell")

    @property
    def digits(self) -> str:
        """The six digits of the tables.

        Raises:
            GenotypeError: an operation that has no digit.
        """
        for name in self.operations:
            if name not in OPERATIONS:
                raise GenotypeError(f"operation {name!r} has no digit in NAS-Bench-201. {nearest(name, OPERATIONS)}")
        return "".join(str(OPERATIONS.index(name)) for name in self.operations)

    @classmethod
    def from_digits(cls, digits: str, where: str = "genotype") -> "Nasbench201Genotype":
        """Read six digits, each 0 to 4.

        Raises:
            GenotypeError: any other text.
        """
        if not isinstance(digits, str) or not re.fullmatch("[0-4]{6}", digits):
            raise GenotypeError(
                f"{where}: found {shown(repr(digits))}, expected six digits from 0 to 4, such as 421211"
            )
        return cls(tuple(OPERATIONS[int(digit)] for digit in digits))

    @classmethod
    def from_labels(cls, choices: object, cells: object, where: str) -> "Nasbench201Genotype":
        """No choices; one cell whose sources are in order."""
        check_keys(choices, (), f"{where}: choices")
        document = check_keys(cells, ("cell",), f"{where}: cells")["cell"]
        return cls.from_cell(Cell.from_document(document, f"{where}: cell", first_state=1), f"{where}: cell")

    @classmethod
    def from_cell(cls, cell: Cell, place: str = "cell") -> "Nasbench201Genotype":
        """The genotype with the operations of `cell`.

        Raises:
            GenotypeError: other nodes, sources or outputs than those of the space; the message begins with `place`.
        """
        if len(cell.nodes) != NUM_NODES or cell.concat != (NUM_NODES,):
            raise GenotypeError(
                f"{place}: found {len(cell.nodes)} nodes with the concat {list(cell.concat)}, expected {NUM_NODES} of "
                f"which the last is the output, [{NUM_NODES}]"
            )
        for index, node in enumerate(cell.nodes):
            if (sources := [edge.source for edge in node]) != list(range(index + 1)):
                raise GenotypeError(
                    f"{node_place(place, index, 1)}: found the sources {shown(repr(sources))}, "
                    f"expected {list(range(index + 1))}: every earlier node, in order"
                )
        return cls(tuple(edge.op for node in cell.nodes for edge in node))


def _edges_of(node: str, index: int, where: str) -> list[tuple[str, int]]:
    """The (operation, source) pairs of `|op~0|op~1|`."""
    node, place = node.strip(), node_place(f"{where}: cell", index, 1)
    if len(node) < 3 or not (node.startswith("|") and node.endswith("|")):
        raise GenotypeError(f"{place}: found {shown(repr(node))}, expected it between '|' as in {EXPECTED_TEXT}")
    pairs = []
    for part in node[1:-1].split("|"):
        op, tilde, source = part.partition("~")
        if not tilde or not re.fullmatch("[0-9]", source):
            raise GenotypeError(
                f"{place}: found {shown(repr(part))}, expected an operation and its source such as none~0"
            )
        pairs.append((op, int(source)))
    return pairs
