"""The genotype of a forecasting network: its mode, what was chosen for each part, and its cells. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.base import AnyGenotype, ChosenNames
from darts_pl.genotype.cell import Cell, check_keys, check_whole_cell, kind

LABELS = ("normalization", "decomposition", "shortcut", "tokens", "position", "attention", "feed_forward")
MODES = {  # mode -> (kinds of cells, labels besides those of all)
    "encoder_decoder": (("encoder", "decoder"), ("cross_attention",)),
    "encoder_only": (("encoder",), ()),
    "decoder_only": (("decoder",), ()),
    "mamba": (("encoder",), ()),
}


def cell_kinds(mode: str) -> tuple[str, ...]:
    """The kinds of cells that a network of `mode` has."""
    return MODES[mode][0]


def labels(mode: str) -> tuple[str, ...]:
    """The parts of a network of `mode` that are chosen once, beside the operations of its cells."""
    return (*LABELS, *MODES[mode][1])


@dataclass(frozen=True)
class SeriesGenotype(AnyGenotype):
    """A discrete forecasting architecture; see `darts_pl.spaces.series` for what the names mean.

    Args:
        mode: encoder_decoder, encoder_only, decoder_only or mamba; a file holds it among the choices.
        choices: the chosen name of every label of the mode.
        cells: the cell of every kind of the mode. Each node has its sources once, all nodes form the output.

    Raises:
        GenotypeError: an unknown mode; a label or a cell is missing, unknown or malformed.
    """

    space: ClassVar[str] = "series"

    mode: str
    choices: Mapping[str, str]
    cells: Mapping[str, Cell]

    def __post_init__(self) -> None:
        _check_mode(self.mode, "genotype")
        _check_choices(self.choices, self.mode, "genotype")
        check_keys(self.cells, cell_kinds(self.mode), "genotype: cells")
        for name, cell in self.cells.items():
            check_whole_cell(cell, f"genotype: {name}")
        object.__setattr__(self, "choices", {label: self.choices[label] for label in labels(self.mode)})
        object.__setattr__(self, "cells", {name: self.cells[name] for name in cell_kinds(self.mode)})

    def __hash__(self) -> int:
        return hash((self.mode, tuple(self.choices.items()), tuple(self.cells.items())))

    def labels(self) -> dict[str, ChosenNames]:
        """The mode, then the choices."""
        return {"mode": self.mode, **self.choices}

    def describe(self) -> str:
        """The architecture in words, one part a line."""
        lines = [f"{label.replace('_', ' ')}: {name}" for label, name in self.labels().items()]
        for name, cell in self.cells.items():
            lines += cell.describe(f"{name} cell")
            lines.append(f"{name} cell: output = mean of {', '.join(f'state {state}' for state in cell.concat)}")
        return "\n".join(lines)

    @classmethod
    def from_labels(cls, choices: object, cells: object, where: str) -> "SeriesGenotype":
        """See `AnyGenotype`; the mode is one of the choices."""
        if not isinstance(choices, Mapping) or "mode" not in choices:
            raise GenotypeError(f"{where}: choices: found {kind(choices)}, expected an object with the mode and others")
        mode, parts = choices["mode"], {label: name for label, name in choices.items() if label != "mode"}
        _check_mode(mode, where)
        _check_choices(parts, mode, where)
        wired = {}
        for name, cell in check_keys(cells, cell_kinds(mode), f"{where}: cells").items():
            wired[name] = Cell.from_document(cell, f"{where}: {name}")
            check_whole_cell(wired[name], f"{where}: {name}")
        return cls(mode, parts, wired)


def _check_mode(mode: object, where: str) -> None:
    if not isinstance(mode, str) or mode not in MODES:
        raise GenotypeError(
            f"{where}: mode: found {shown(repr(mode))}, which does not exist. {nearest(str(mode), MODES)}"
        )


def _check_choices(choices: object, mode: str, where: str) -> None:
    for label, name in check_keys(choices, labels(mode), f"{where}: choices").items():
        if not isinstance(name, str) or not name.strip():
            raise GenotypeError(f"{where}: choices: {label}: found {kind(name)}, expected the name of a candidate")
