"""The genotype of the cell space: a normal and a reduction cell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from darts_pl.errors import GenotypeError
from darts_pl.genotype.base import AnyGenotype, ChosenNames
from darts_pl.genotype.cell import FIRST_STATE, Cell, check_keys


@dataclass(frozen=True)
class Genotype(AnyGenotype):
    """The normal and the reduction cell of a DARTS network."""

    space: ClassVar[str] = "cells"
    cells_only: ClassVar[bool] = True

    normal: Cell
    reduce: Cell
    choices: Mapping[str, ChosenNames] = field(init=False, repr=False, compare=False, default_factory=dict)
    cells: Mapping[str, Cell] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", {"normal": self.normal, "reduce": self.reduce})

    @classmethod
    def from_labels(cls, choices: object, cells: object, where: str) -> "Genotype":
        """No choices, {"normal": {"nodes": ..., "concat": ...}, "reduce": ...}.

        Raises:
            GenotypeError: a cell is missing or malformed, or the cells differ in their number of nodes.
        """
        check_keys(choices, (), f"{where}: choices")
        lists = check_keys(cells, ("normal", "reduce"), f"{where}: cells")
        genotype = cls(**{kind: Cell.from_document(cell, f"{where}: {kind}") for kind, cell in lists.items()})
        _check_same_size(genotype, where)
        return genotype


def _check_same_size(genotype: Genotype, where: str) -> None:
    sizes = {kind: len(cell.nodes) for kind, cell in genotype.cells.items()}
    small, large = sorted(sizes, key=lambda name: sizes[name])
    if sizes[small] < sizes[large]:
        node = sizes[small]
        raise GenotypeError(
            f"{where}: {small} node {node} (state {node + FIRST_STATE}) is missing: found {node} nodes, "
            f"expected {sizes[large]} as in the {large} cell"
        )
