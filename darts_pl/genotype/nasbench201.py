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
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.cells import FORMAT, VERSION, Cell, Edge, checked_document
from darts_pl.genotype.checks import check_keys, is_int, kind, node_place
from darts_pl.genotype.json_text import layout, parse_json
from darts_pl.paths import write_text_atomically

SPACE = "nasbench201"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")  # place = digit
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # (node, source)
NUM_NODES = 3  # beside the input
EXPECTED_TEXT = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
NAME = re.compile(r"[^\s|~+]+")


class Nasbench201Cell(Cell):
    """A cell with one input, state 0; `nodes[i]` holds the edges into state i + 1 from all before it."""

    first_state: ClassVar[int] = 1


@dataclass(frozen=True)
class Nasbench201Genotype:
    """The cell that all stages of a NAS-Bench-201 network repeat: the names of the operations on its six edges.

    Raises:
        GenotypeError: not six names, or a name that the text form could not hold.
    """

    space: ClassVar[str] = SPACE

    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.operations) != len(EDGES):
            raise GenotypeError(f"found {len(self.operations)} operations, expected {len(EDGES)}, one for each edge")
        for (node, source), name in zip(EDGES, self.operations):
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise GenotypeError(
                    f"edge {node}<-{source}: found {shown(repr(name))}, expected the name of an operation"
                )

    @property
    def cells(self) -> dict[str, Cell]:
        """The one cell, under the kind that alphas and gates have: "cell"."""
        nodes = tuple(
            tuple(Edge(op, source) for (state, source), op in zip(EDGES, self.operations) if state == node)
            for node in range(1, NUM_NODES + 1)
        )
        return {"cell": Nasbench201Cell(nodes, (NUM_NODES,))}

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
        return cls._from_nodes([_edges_of(node, index, where) for index, node in enumerate(nodes)], where)

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

    def to_json(self) -> str:
        """The versioned JSON text, one node a line; `from_json` gives back an equal genotype."""
        cells = {name: cell.to_lists() for name, cell in self.cells.items()}
        return layout({"format": FORMAT, "version": VERSION, "space": SPACE, "cells": cells})

    @classmethod
    def from_json(cls, text: str, where: str = "genotype") -> "Nasbench201Genotype":
        """Read the text of `to_json`; `where` (a file's name) begins every message.

        Raises:
            GenotypeError: no JSON, another format, version or space, or anything malformed; the place is named.
        """
        document = checked_document(parse_json(text, where), SPACE, where)
        cell = check_keys(
            check_keys(document["cells"], ("cell",), f"{where}: cells")["cell"], ("nodes", "concat"), where
        )
        if cell["concat"] != [NUM_NODES]:
            raise GenotypeError(
                f"{where}: cell concat: found {shown(repr(cell['concat']))}, expected [{NUM_NODES}], the last node"
            )
        return cls._from_nodes(cell["nodes"], where)

    def save(self, path: Path | str) -> Path:
        """Write `to_json` to `path`, whole or not at all, and return the path.

        Raises:
            OSError: the folder cannot be written.
        """
        return write_text_atomically(path, self.to_json())

    @classmethod
    def _from_nodes(cls, nodes: object, where: str) -> "Nasbench201Genotype":
        """The genotype of three lists of [operation, source] pairs, sources in order."""
        if not isinstance(nodes, list | tuple) or len(nodes) != NUM_NODES:
            raise GenotypeError(f"{where}: cell: found {kind(nodes)} as nodes, expected a list of {NUM_NODES}")
        operations = []
        for index, edges in enumerate(nodes):
            operations += _operations_of(edges, index, node_place(f"{where}: cell", index, 1))
        return cls(tuple(operations))


def _operations_of(edges: object, index: int, place: str) -> list[str]:
    """The operations of the edges into node `index` + 1, one from each earlier node."""
    if not isinstance(edges, list | tuple) or len(edges) != index + 1:
        raise GenotypeError(f"{place}: found {kind(edges)}, expected {index + 1} [operation, source] pairs")
    for source, edge in enumerate(edges):
        if not isinstance(edge, list | tuple) or len(edge) != 2:
            raise GenotypeError(f"{place}, edge {source}: found {kind(edge)}, expected a pair [operation, source]")
        if not isinstance(edge[0], str) or not NAME.fullmatch(edge[0]):
            raise GenotypeError(
                f"{place}, edge {source}: found {shown(repr(edge[0]))}, expected the name of an operation"
            )
        if not is_int(edge[1]) or edge[1] != source:
            raise GenotypeError(
                f"{place}, edge {source}: found source {shown(repr(edge[1]))}, expected {source}: sources in order"
            )
    return [op for op, _ in edges]


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
