"""The winner of a pipeline: its choices in words and as a table, its cells drawn."""

from collections.abc import Mapping
from typing import Any

from darts_pl.genotype import SeriesGenotype
from darts_pl.reports import cell_graph, tables
from darts_pl.reports.page import Block, Picture, Text
from darts_pl.reports.pipeline_files import PipelineFiles
from darts_pl.reports.sections import how_to_read
from darts_pl.reports.style import data_uri, kind_title

SIZES = ("hidden_dim", "layers", "num_nodes", "patch_length", "heads", "dropout")
LABELS: Mapping[str, str] = {  # the label of a choice → the argument of the space that lists its candidates
    "normalization": "normalizations", "decomposition": "decompositions", "tokens": "tokens",
    "position": "positions", "attention": "attentions", "cross_attention": "attentions",
    "feed_forward": "feed_forwards", "shortcut": "shortcuts",
}  # fmt: skip


def genotype_blocks(found: PipelineFiles) -> list[Block]:
    """What the winner is: a sentence, the table of its choices, and a drawing of each cell."""
    if found.genotype is None:
        return []
    blocks: list[Block] = [Text(in_words(found.genotype, found.chosen, space_of(found, found.chosen)))]
    choices = found.genotype.choices
    if choices:
        space = space_of(found, found.chosen)
        rows = [(label.replace("_", " "), name, _others(space, label, name)) for label, name in choices.items()]
        blocks.append(tables.text_table(["choice", "selected", "other candidates"], rows))
    for kind, cell in found.genotype.cells.items():
        title = kind_title(kind)
        source = data_uri(cell_graph.cell_svg(cell, ""))
        blocks.append(Picture(source, f"{title}, {how_to_read(cell)}", title=title))
    return blocks


def space_of(found: PipelineFiles, candidate: str | None) -> Mapping[str, Any]:
    """The arguments of the space that a candidate is; empty where the pool does not hold it."""
    return next((entry.get("space") or {} for entry in found.pool if str(entry["id"]) == candidate), {})


def in_words(genotype: SeriesGenotype, candidate: str | None, space: Mapping[str, Any]) -> str:
    """The genotype in a sentence or two: mode, sizes, choices, operations of each cell."""
    mode = genotype.mode.replace("_", "-")
    sizes = [f"{name.replace('_', ' ')} {space[name]}" for name in SIZES if name in space]
    sentences = [f"Candidate {candidate or '?'} is of mode {mode}" + (f" ({', '.join(sizes)})." if sizes else ".")]
    choices = {label.replace("_", " "): name for label, name in genotype.choices.items()}
    if choices:
        sentences.append("It has " + ", ".join(f"{label} {name}" for label, name in choices.items()) + ".")
    return " ".join(
        [*sentences, *(f"Its {kind} cell uses {operations}." for kind, operations in operations_of(genotype).items())]
    )


def operations_of(genotype: SeriesGenotype) -> dict[str, str]:
    """Kind of cell → its operations with how often they occur: "2 × dlinear, fourier"."""
    counted = {}
    for kind, cell in genotype.cells.items():
        names = [edge.op for node in cell.nodes for edge in node]
        counts = {name: names.count(name) for name in dict.fromkeys(names)}
        counted[kind] = ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items())
    return counted


def _others(space: Mapping[str, Any], label: str, selected: str) -> str:
    """The candidates that were not selected; a dash where there were none."""
    listed = space.get(LABELS.get(label, label)) or ()
    others = [str(name) for name in ([listed] if isinstance(listed, str) else listed) if name != selected]
    return ", ".join(others) or "– (no choice)"
