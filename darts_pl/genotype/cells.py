"""Edges, cells and genotypes as frozen dataclasses, and their versioned JSON.

A cell of a genotype lists, for each intermediate node, the chosen (operation, source state) pairs. States 0
and 1 are the outputs of the two preceding cells, state 2 is the first intermediate node (DARTS,
arXiv:1806.09055, section 2.1).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.checks import FIRST_STATE, check_concat, check_keys, check_nodes, is_int, node_place
from darts_pl.genotype.json_text import layout, parse_json
from darts_pl.paths import write_text_atomically

FORMAT = "darts_pl.genotype"
VERSION = 1
SPACE = "cells"


@dataclass(frozen=True)
class Edge:
    """One chosen operation `op` applied to the state `source`."""

    op: str
    source: int


@dataclass(frozen=True)
class Cell:
    """A discrete cell: `nodes[i]` holds the edges into state i + 2; `concat` the states of the output.

    Attributes:
        first_state: the state that `nodes[0]` makes, which is the number of the cell's inputs.
    """

    first_state: ClassVar[int] = FIRST_STATE

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]

    @classmethod
    def from_lists(cls, nodes: object, concat: object, place: str = "cell") -> "Cell":
        """A cell from plain lists of [operation, source] pairs, checked.

        Raises:
            GenotypeError: the lists are no well-formed cell; the message begins with `place`.
        """
        checked = check_nodes(nodes, place)
        states = check_concat(concat, len(checked), place)
        return cls(tuple(tuple(Edge(*pair) for pair in edges) for edges in checked), tuple(states))

    def to_lists(self) -> dict[str, list]:
        """The plain lists that `from_lists` reads, under the keys nodes and concat."""
        nodes = [[[edge.op, edge.source] for edge in edges] for edges in self.nodes]
        return {"nodes": nodes, "concat": list(self.concat)}


@dataclass(frozen=True)
class Genotype:
    """The normal and the reduction cell of a DARTS network.

    Attributes:
        space: the name of the search space, as files hold it.
    """

    space: ClassVar[str] = SPACE

    normal: Cell
    reduce: Cell

    @property
    def cells(self) -> dict[str, Cell]:
        """The cells by kind, as alphas and gates name them."""
        return {"normal": self.normal, "reduce": self.reduce}

    @classmethod
    def from_lists(cls, cells: object, where: str) -> "Genotype":
        """A genotype from {"normal": {"nodes": ..., "concat": ...}, "reduce": ...}, checked.

        Raises:
            GenotypeError: a cell is missing or malformed, or the cells differ in their number of nodes.
        """
        parts = {}
        for name, cell in check_keys(cells, ("normal", "reduce"), f"{where}: cells").items():
            lists = check_keys(cell, ("nodes", "concat"), f"{where}: {name}")
            parts[name] = Cell.from_lists(lists["nodes"], lists["concat"], f"{where}: {name}")
        genotype = cls(**parts)
        _check_same_size(genotype, where)
        return genotype

    def to_json(self) -> str:
        """The versioned JSON text, one node a line; `from_json` gives back an equal genotype."""
        cells = {kind: cell.to_lists() for kind, cell in self.cells.items()}
        return layout({"format": FORMAT, "version": VERSION, "space": SPACE, "cells": cells})

    @classmethod
    def from_json(cls, text: str, where: str = "genotype") -> "Genotype":
        """Read the text of `to_json`; `where` (a file's name) begins every message.

        Raises:
            GenotypeError: no JSON, another format or version, or anything malformed; the place is named.
        """
        document = parse_json(text, where)
        return cls.from_lists(checked_document(document, SPACE, where)["cells"], where)

    def save(self, path: Path | str) -> Path:
        """Write `to_json` to `path`, whole or not at all, and return the path.

        Raises:
            OSError: the folder cannot be written.
        """
        return write_text_atomically(path, self.to_json())


def check_operations(genotype: object, known: Iterable[str], where: str = "genotype") -> None:
    """Check that every operation of `genotype` is in `known`.

    Raises:
        GenotypeError: names the first unknown operation, its place and the nearest known one.
    """
    known = set(known)
    for name, cell in genotype.cells.items():
        for index, edges in enumerate(cell.nodes):
            for edge in edges:
                if edge.op not in known:
                    place = node_place(f"{where}: {name}", index, cell.first_state)
                    raise GenotypeError(f"{place}: unknown operation {shown(repr(edge.op))}. {nearest(edge.op, known)}")


def checked_document(document: object, space: str, where: str, further: Iterable[str] = ()) -> Mapping:
    """`document`, once it is known to be the JSON object of a genotype of `space`, its cells and the values of keys
    that this space has `further` still unchecked.

    Raises:
        GenotypeError: another format, version or space, a key too many or too few.
    """
    if isinstance(document, dict):
        _check_header(document, space, where)
    return check_keys(document, ("format", "version", "space", *further, "cells"), where)


def check_whole_cell(cell: Cell, place: str) -> None:
    """Raises GenotypeError where a node has a source twice or the operation none, or not all nodes form the output."""
    for index, node in enumerate(cell.nodes):
        sources = [edge.source for edge in node]
        if len(set(sources)) < len(sources):
            raise GenotypeError(
                f"{node_place(place, index)}: found the sources {shown(repr(sources))}, expected each state once"
            )
        for edge in node:
            if edge.op == "none":
                raise GenotypeError(
                    f"{node_place(place, index)}: found 'none', expected an edge to be left out instead"
                )
    states = list(range(FIRST_STATE, FIRST_STATE + len(cell.nodes)))
    if sorted(cell.concat) != states:
        raise GenotypeError(f"{place} concat: found {list(cell.concat)}, expected {states}: all nodes form the output")


def check_space(genotype: object, space: str) -> None:
    """Raises GenotypeError, with the remedy, where `genotype` is one of another search space than `space`."""
    if genotype.space != space:
        raise GenotypeError(
            f"found a genotype of the space {genotype.space!r}, expected one of {space!r}. "
            f"Take space={genotype.space} for it"
        )


def _check_header(document: dict, space: str, where: str) -> None:
    """Format and version first: a file of another kind should not be told about its keys."""
    if document.get("format", FORMAT) != FORMAT:
        raise GenotypeError(f"{where}: found format {shown(repr(document['format']))}, expected {FORMAT!r}")
    version = document.get("version", VERSION)
    if not is_int(version) or version != VERSION:
        raise GenotypeError(f"{where}: found version {shown(repr(version))}, expected {VERSION}, the only one there is")
    if document.get("space", space) != space:
        raise GenotypeError(f"{where}: found space {shown(repr(document['space']))}, expected {space!r}")


def _check_same_size(genotype: Genotype, where: str) -> None:
    sizes = {kind: len(cell.nodes) for kind, cell in genotype.cells.items()}
    small, large = sorted(sizes, key=lambda name: sizes[name])
    if sizes[small] < sizes[large]:
        node = sizes[small]
        raise GenotypeError(
            f"{where}: {small} node {node} (state {node + FIRST_STATE}) is missing: found {node} nodes, "
            f"expected {sizes[large]} as in the {large} cell"
        )
