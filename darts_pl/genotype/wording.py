"""Genotypes in lines of text, whatever their space: what was chosen for each label, then the cells. No torch."""

from collections.abc import Mapping, Sequence

from darts_pl.genotype.cells import Cell
from darts_pl.genotype.reading import AnyGenotype

MOST_IN_SHORT = 12  # labels on one line: more would fill several


def choices_of(genotype: AnyGenotype) -> Mapping[str, str | Sequence[str]]:
    """What a genotype chose by label, empty where its space has cells only."""
    return getattr(genotype, "choices", {})


def choice_text(chosen: str | Sequence[str]) -> str:
    """The name of a candidate; of several, such as inputs, "a + b"."""
    if isinstance(chosen, str):
        return chosen
    return " + ".join(chosen) or "nothing"


def cell_text(cell: Cell) -> str:
    """The nodes of a cell: "2: sep_conv_3x3(0) + skip_connect(1); 3: ..."."""
    return "; ".join(
        f"{state}: " + " + ".join(f"{edge.op}({edge.source})" for edge in node)
        for state, node in enumerate(cell.nodes, start=cell.first_state)
    )


def in_lines(genotype: AnyGenotype) -> list[str]:
    """A line a choice, then a line a cell, each under its name."""
    choices = choices_of(genotype)
    width = max([7, *map(len, choices)])
    lines = [f"  {label:{width}} {choice_text(chosen)}" for label, chosen in choices.items()]
    return lines + [f"  {kind:{width}} {cell_text(cell)}" for kind, cell in genotype.cells.items()]


def in_short(genotype: AnyGenotype) -> str:
    """Choices and cells on one line; of many choices the first ones and how many there are besides."""
    choices = choices_of(genotype)
    told = [f"{label}={choice_text(chosen)}" for label, chosen in list(choices.items())[:MOST_IN_SHORT]]
    parts = [", ".join(told)] if told else []
    if len(choices) > MOST_IN_SHORT:
        parts[0] += f" and {len(choices) - MOST_IN_SHORT} more"
    return " | ".join([*parts, *(f"{kind} {cell_text(cell)}" for kind, cell in genotype.cells.items())])
