"""The genotype of a module with choices in it. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeGuard

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError
from darts_pl.genotype.base import AnyGenotype, ChosenNames
from darts_pl.genotype.cell import Cell, check_whole_cell, kind


@dataclass(frozen=True)
class ModuleGenotype(AnyGenotype):
    """A discrete architecture of somebody's module; see `darts_pl.spaces.module` for what can be chosen. Which labels
    and names there are is the network's matter, see `ModuleSpace.network`.

    Args:
        choices: label → name of the chosen candidate, depth or width; of a choice of inputs the tuple of their names.
        cells: label → cell. Each node has its sources once, all nodes form the output.

    Raises:
        GenotypeError: a choice that is neither a name nor names, a malformed cell, a label in both.
    """

    space: ClassVar[str] = "module"

    choices: Mapping[str, ChosenNames] = field(default_factory=dict)
    cells: Mapping[str, Cell] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", _checked_choices(self.choices, "genotype"))
        object.__setattr__(self, "cells", dict(self.cells))
        for label, cell in self.cells.items():
            check_whole_cell(cell, f"genotype: {label}")
        if twice := sorted(set(self.choices) & set(self.cells)):
            raise GenotypeError(
                f"genotype: found {shown(repr(twice[0]))} among the choices and among the cells, expected it once"
            )

    def __hash__(self) -> int:
        return hash((frozenset(self.choices.items()), frozenset(self.cells.items())))

    @classmethod
    def from_labels(cls, choices: object, cells: object, where: str) -> "ModuleGenotype":
        """See `AnyGenotype`; any labels."""
        checked, wired = _checked_choices(choices, where), {}
        if not isinstance(cells, Mapping):
            raise GenotypeError(f"{where}: cells: found {kind(cells)}, expected an object of cells")
        for label, cell in cells.items():
            wired[label] = Cell.from_document(cell, f"{where}: {shown(label)}")
            check_whole_cell(wired[label], f"{where}: {shown(label)}")
        return cls(checked, wired)


def _checked_choices(choices: object, where: str) -> dict[str, ChosenNames]:
    if not isinstance(choices, Mapping):
        raise GenotypeError(f"{where}: choices: found {kind(choices)}, expected an object of labels and names")
    return {label: _checked_choice(chosen, f"{where}: choices: {shown(label)}") for label, chosen in choices.items()}


def _checked_choice(chosen: object, place: str) -> ChosenNames:
    if _is_name(chosen):
        return chosen
    if isinstance(chosen, (list, tuple)) and chosen and all(map(_is_name, chosen)):
        if len(set(chosen)) < len(chosen):
            raise GenotypeError(f"{place}: found {shown(repr(list(chosen)))}, expected each input once")
        return tuple(chosen)
    raise GenotypeError(
        f"{place}: found {kind(chosen)}, expected the name of a candidate, or a list of names of inputs"
    )


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
