"""The genotype of a forecasting network: its mode, what was chosen for each part, and its cells. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.cells import FORMAT, VERSION, Cell, check_whole_cell, checked_document
from darts_pl.genotype.checks import FIRST_STATE, check_keys, kind
from darts_pl.genotype.json_text import layout, parse_json
from darts_pl.paths import write_text_atomically

SPACE = "series"
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
class SeriesGenotype:
    """A discrete forecasting architecture; see `darts_pl.spaces.series` for what the names mean.

    Args:
        mode: encoder_decoder, encoder_only, decoder_only or mamba.
        choices: the chosen name of every label of the mode.
        cells: the cell of every kind of the mode. Each node has its sources once, all nodes form the output.

    Raises:
        GenotypeError: an unknown mode; a label or a cell is missing, unknown or malformed.
    """

    space: ClassVar[str] = SPACE

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

    def describe(self) -> str:
        """The architecture in words, one part a line."""
        lines = [f"mode: {self.mode}"]
        lines += [f"{label.replace('_', ' ')}: {name}" for label, name in self.choices.items()]
        for name, cell in self.cells.items():
            for state, node in enumerate(cell.nodes, start=FIRST_STATE):
                terms = " + ".join(f"{edge.op}(state {edge.source})" for edge in node)
                lines.append(f"{name} cell: state {state} = {terms}")
            lines.append(f"{name} cell: output = mean of {', '.join(f'state {state}' for state in cell.concat)}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """The versioned JSON text, one node a line; `from_json` gives back an equal genotype."""
        cells = {name: cell.to_lists() for name, cell in self.cells.items()}
        header = {"format": FORMAT, "version": VERSION, "space": SPACE, "mode": self.mode}
        return layout({**header, "choices": dict(self.choices), "cells": cells})

    @classmethod
    def from_json(cls, text: str, where: str = "genotype") -> "SeriesGenotype":
        """Read the text of `to_json`; `where` (a file's name) begins every message.

        Raises:
            GenotypeError: no JSON, another format, version or space, or anything malformed; the place is named.
        """
        document = checked_document(parse_json(text, where), SPACE, where, further=("mode", "choices"))
        mode = document["mode"]
        _check_mode(mode, where)
        _check_choices(document["choices"], mode, where)
        cells = {}
        for name, cell in check_keys(document["cells"], cell_kinds(mode), f"{where}: cells").items():
            lists = check_keys(cell, ("nodes", "concat"), f"{where}: {name}")
            cells[name] = Cell.from_lists(lists["nodes"], lists["concat"], f"{where}: {name}")
            check_whole_cell(cells[name], f"{where}: {name}")
        return cls(mode, document["choices"], cells)

    def save(self, path: Path | str) -> Path:
        """Write `to_json` to `path`, whole or not at all, and return the path.

        Raises:
            OSError: the folder cannot be written.
        """
        return write_text_atomically(path, self.to_json())


def _check_mode(mode: object, where: str) -> None:
    if not isinstance(mode, str) or mode not in MODES:
        raise GenotypeError(
            f"{where}: mode: found {shown(repr(mode))}, which does not exist. {nearest(str(mode), MODES)}"
        )


def _check_choices(choices: object, mode: str, where: str) -> None:
    for label, name in check_keys(choices, labels(mode), f"{where}: choices").items():
        if not isinstance(name, str) or not name.strip():
            raise GenotypeError(f"{where}: choices: {label}: found {kind(name)}, expected the name of a candidate")
