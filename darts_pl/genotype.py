"""Genotypes: the discrete architecture as data. Frozen dataclasses and their JSON; no torch.

A cell of a genotype lists, for each intermediate node, the chosen (operation, source state) pairs. States 0 and 1 are
the outputs of the two preceding cells, state 2 is the first intermediate node (DARTS, arXiv:1806.09055, section 2.1).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """One chosen operation `op` applied to the state `source`."""

    op: str
    source: int


@dataclass(frozen=True)
class Cell:
    """A discrete cell: `nodes[i]` holds the edges into state i + 2; `concat` the states that form the output."""

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]


@dataclass(frozen=True)
class Genotype:
    """The normal and the reduction cell of a DARTS network."""

    normal: Cell
    reduce: Cell
