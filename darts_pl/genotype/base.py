"""What genotypes of all search spaces share: choices and cells by label, their file, and their lines of text."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, TypeAlias, TypeVar

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest
from darts_pl.genotype.cell import Cell, node_place
from darts_pl.genotype.file import checked_document, layout, parse_json
from darts_pl.paths import write_text_atomically

MOST_IN_SHORT = 12  # labels on one line: more would fill several

G = TypeVar("G", bound="AnyGenotype")
ChosenNames: TypeAlias = str | tuple[str, ...]
"""What a label stands for: the name of a candidate, or of a choice of inputs their names."""


class AnyGenotype(ABC):
    """A discrete architecture. A space's genotype is a frozen dataclass that sets these:

    Attributes:
        space: the name of the search space, as files hold it.
        cells_only: whether its architectures never have choices.
        choices: label → what was chosen for it; empty where a space has cells alone.
        cells: label (the kind of cell, as alphas and gates name it) → cell.
    """

    space: ClassVar[str]
    cells_only: ClassVar[bool] = False
    choices: Mapping[str, ChosenNames]
    cells: Mapping[str, Cell]

    @classmethod
    @abstractmethod
    def from_labels(cls: type[G], choices: object, cells: object, where: str) -> G:
        """A genotype from the `choices` and `cells` of a file, checked.

        Raises:
            GenotypeError: a label too many or too few, or anything malformed; the message begins with `where`.
        """

    def labels(self) -> dict[str, ChosenNames]:
        """The choices as a file holds them."""
        return dict(self.choices)

    def to_json(self) -> str:
        """The text of a file, see `darts_pl.genotype.file`; `from_json` gives back an equal genotype."""
        return layout(self.space, self.labels(), self.cells)

    @classmethod
    def from_json(cls: type[G], text: str, where: str = "genotype") -> G:
        """Read the text of `to_json`, or of a file of an earlier version; `where` (a file's name) begins every message.

        Raises:
            GenotypeError: no JSON, another format, version or space, or anything malformed; the place is named.
        """
        document = checked_document(parse_json(text, where), cls.space, where)
        return cls.from_labels(document.choices, document.cells, where)

    def save(self, path: Path | str) -> Path:
        """Write `to_json` to `path`, whole or not at all, and return the path.

        Raises:
            OSError: the folder cannot be written.
        """
        return write_text_atomically(path, self.to_json())

    def describe(self) -> str:
        """The architecture in words, one choice or node a line."""
        lines = [f"{label}: {choice_text(chosen, ', ')}" for label, chosen in self.labels().items()]
        return "\n".join([*lines, *(line for label, cell in self.cells.items() for line in cell.describe(label))])

    def lines(self) -> list[str]:
        """A line a choice, then a line a cell, each under its name."""
        width = max([7, *map(len, self.choices)])
        lines = [f"  {label:{width}} {choice_text(chosen)}" for label, chosen in self.choices.items()]
        return lines + [f"  {kind:{width}} {cell.text}" for kind, cell in self.cells.items()]

    def line(self) -> str:
        """Choices and cells on one line; of many choices the first ones and how many there are besides."""
        first = [f"{label}={choice_text(chosen)}" for label, chosen in list(self.choices.items())[:MOST_IN_SHORT]]
        parts = [", ".join(first)] if first else []
        if len(self.choices) > MOST_IN_SHORT:
            parts[0] += f" and {len(self.choices) - MOST_IN_SHORT} more"
        return " | ".join([*parts, *(f"{kind} {cell.text}" for kind, cell in self.cells.items())])


def choice_text(chosen: ChosenNames, between: str = " + ") -> str:
    """The name of a candidate; of several, such as inputs, "a + b"."""
    return chosen if isinstance(chosen, str) else between.join(chosen) or "nothing"


def check_operations(genotype: AnyGenotype, known: Iterable[str], where: str = "genotype") -> None:
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


def check_space(genotype: AnyGenotype, space: str) -> None:
    """Raises GenotypeError, with the remedy, where `genotype` is one of another search space than `space`."""
    if genotype.space != space:
        raise GenotypeError(
            f"found a genotype of the space {genotype.space!r}, expected one of {space!r}. "
            f"Take space={genotype.space} for it"
        )
