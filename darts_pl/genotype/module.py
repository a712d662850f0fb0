"""The genotype of a module with choices in it: what each label was decided for. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeAlias

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError
from darts_pl.genotype.cells import FORMAT, VERSION, Cell, check_whole_cell, checked_document
from darts_pl.genotype.checks import FIRST_STATE, check_keys, kind
from darts_pl.genotype.json_text import layout, parse_json
from darts_pl.paths import write_text_atomically

SPACE = "module"

Chosen: TypeAlias = str | tuple[str, ...]


@dataclass(frozen=True)
class ModuleGenotype:
    """A discrete architecture of somebody's module; see `darts_pl.spaces.module` for what can be chosen.

    Args:
        choices: label → name of the chosen candidate, depth or width; of a choice of inputs the tuple of their names.
        cells: label → cell. Each node has its sources once, all nodes form the output.

    Raises:
        GenotypeError: a choice that is neither a name nor names, a malformed cell, a label in both.
    """

    space: ClassVar[str] = SPACE

    choices: Mapping[str, Chosen] = field(default_factory=dict)
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

    def describe(self) -> str:
        """The architecture in words, one label a line."""
        lines = [f"{label}: {chosen if isinstance(chosen, str) else ', '.join(chosen)}" for label, chosen in self.items]
        for label, cell in self.cells.items():
            for state, node in enumerate(cell.nodes, start=FIRST_STATE):
                terms = " + ".join(f"{edge.op}(state {edge.source})" for edge in node)
                lines.append(f"{label}: state {state} = {terms}")
        return "\n".join(lines)

    @property
    def items(self) -> list[tuple[str, Chosen]]:
        """The choices as pairs."""
        return list(self.choices.items())

    def to_json(self) -> str:
        """The versioned JSON text; `from_json` gives back an equal genotype."""
        choices = {label: chosen if isinstance(chosen, str) else list(chosen) for label, chosen in self.items}
        cells = {label: cell.to_lists() for label, cell in self.cells.items()}
        return layout({"format": FORMAT, "version": VERSION, "space": SPACE, "choices": choices, "cells": cells})

    @classmethod
    def from_json(cls, text: str, where: str = "genotype") -> "ModuleGenotype":
        """Read the text of `to_json`; `where` (a file's name) begins every message. Which labels and names there are is
        the network's matter, see `ModuleSpace.network`.

        Raises:
            GenotypeError: no JSON, another format, version or space, or anything malformed; the place is named.
        """
        document = checked_document(parse_json(text, where), SPACE, where, further=("choices",))
        choices, cells = _checked_choices(document["choices"], where), {}
        if not isinstance(document["cells"], Mapping):
            raise GenotypeError(f"{where}: cells: found {kind(document['cells'])}, expected an object of cells")
        for label, cell in document["cells"].items():
            place = f"{where}: {shown(label)}"
            lists = check_keys(cell, ("nodes", "concat"), place)
            cells[label] = Cell.from_lists(lists["nodes"], lists["concat"], place)
            check_whole_cell(cells[label], place)
        return cls(choices, cells)

    def save(self, path: Path | str) -> Path:
        """Write `to_json` to `path`, whole or not at all, and return the path.

        Raises:
            OSError: the folder cannot be written.
        """
        return write_text_atomically(path, self.to_json())


def _checked_choices(choices: object, where: str) -> dict[str, Chosen]:
    if not isinstance(choices, Mapping):
        raise GenotypeError(f"{where}: choices: found {kind(choices)}, expected an object of labels and names")
    return {label: _checked(chosen, f"{where}: choices: {shown(label)}") for label, chosen in choices.items()}


def _checked(chosen: object, place: str) -> Chosen:
    if _is_name(chosen):
        return chosen
    if isinstance(chosen, (list, tuple)) and chosen and all(map(_is_name, chosen)):
        if len(set(chosen)) < len(chosen):
            raise GenotypeError(f"{place}: found {shown(repr(list(chosen)))}, expected each input once")
        return tuple(chosen)
    raise GenotypeError(
        f"{place}: found {kind(chosen)}, expected the name of a candidate, or a list of names of inputs"
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
