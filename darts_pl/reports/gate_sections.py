"""The section of a run's page on its architecture weights: heat maps and curves of cells, small panels of choices."""

from collections.abc import Mapping

from darts_pl.genotype import AnyGenotype, choice_text
from darts_pl.reports import alphas, tables
from darts_pl.reports.gate_panels import gates_figure
from darts_pl.reports.gate_records import GateRecord
from darts_pl.reports.page import Block, Table, Text, panels, picture
from darts_pl.reports.run_files import RunFiles
from darts_pl.reports.style import kind_title

MOST_EDGES = 30  # of a kind drawn edge by edge: more make no readable picture
MOST_DRAWN = 6  # kinds with several edges that are drawn edge by edge
MOST_PANELS = 24  # kinds in small panels, four in a row
HOW_TO_READ_CURVES = (
    "Each small picture is an edge: its row is the node it leads into, its column the state it "
    "comes from, and each line is an operation's gate; the line on top is what the edge leans to."
)
HOW_TO_READ_PANELS = (
    "Each small picture is a choice, by epoch: a line is what one candidate weighs in the mixture. What ends high is "
    "what the search leans to; lines that stay together were not decided."
)


def alpha_blocks(run: RunFiles) -> list[Block]:
    """Heat maps of the last gates and alphas, then the gates of every edge over the epochs; of choices with one edge
    the gates over the epochs alone. What is too much for a page is named."""
    records = {kind: record for kind, record in run.gates.items() if record.epochs}
    single = {kind: record for kind, record in records.items() if run.kinds_differ and len(record.edges) == 1}
    wide = {kind: record for kind, record in records.items() if kind not in single}
    drawn = [kind for kind, record in wide.items() if len(record.edges) <= MOST_EDGES or not run.kinds_differ]
    drawn = drawn[:MOST_DRAWN] if run.kinds_differ else drawn
    blocks: list[Block] = [*_panels(single), *_left_out([kind for kind in wide if kind not in drawn], "")]
    blocks += [block for kind in drawn for block in _heatmaps(run, kind, records[kind])]
    for kind in drawn:
        record = records[kind]
        title = f"{kind_heading(run, kind)}: gates by epoch"
        figure = alphas.edge_curves(record.epochs, record.gates, record.edges, record.primitives, "")
        blocks.append(picture(figure, HOW_TO_READ_CURVES, title=title))
    return blocks


def kind_heading(run: RunFiles, kind: str) -> str:
    """A kind in words: of cells such as "Normal cell", of choices their label."""
    genotype = run.last or run.best
    chosen = genotype is not None and kind in genotype.choices
    return kind.replace("_", " ") if chosen else kind_title(kind)


def _panels(records: dict[str, GateRecord]) -> list[Block]:
    """The choices whose gates moved most, in their order; the others are named."""
    if not records:
        return []
    most = sorted(records, key=lambda kind: -records[kind].movement)[:MOST_PANELS]
    shown = {kind: record for kind, record in records.items() if kind in most}
    figure = gates_figure(shown, "")
    left = [kind for kind in records if kind not in most]
    return [
        panels(figure, HOW_TO_READ_PANELS, title="Choices: gates by epoch"),
        *_left_out(left, " whose gates moved less"),
    ]


def _left_out(kinds: list[str], why: str) -> list[Block]:
    if not kinds:
        return []
    counted = "1 choice" if len(kinds) == 1 else f"{len(kinds)} choices"
    return [Text(f"Not drawn: {counted}{why}, {', '.join(kinds)}. Their gates are in alphas.npz.")]


def _heatmaps(run: RunFiles, kind: str, record: GateRecord) -> list[Block]:
    """One kind's gates after the last epoch and, where the file has them, its alphas beside them."""
    last, edges, primitives = record.epochs[-1], record.edges, record.primitives
    cell = run.last.cells.get(kind) if run.last else None
    framed = alphas.chosen_places(cell, edges, primitives) if cell else ()
    heading = f"{kind_heading(run, kind)}: gates after epoch {last}"
    figure = alphas.gate_heatmap(record.gates[-1], edges, primitives, "", framed)
    note = ", and a frame marks what the last genotype keeps" if framed else ""
    caption = f"A row is an edge, a column an operation; the stronger the colour, the larger its share{note}."
    blocks: list[Block] = [picture(figure, caption, True, heading)]
    if run.alphas is not None and f"alpha_{kind}" in run.alphas:
        heading = f"{kind_heading(run, kind)}: alphas after epoch {last}"
        figure = alphas.alpha_heatmap(run.alphas[f"alpha_{kind}"][-1], edges, primitives, "")
        caption = "The logits behind these gates: blue above 0, orange below; the stronger, the further from 0."
        blocks.append(picture(figure, caption, True, heading))
    return blocks


def choice_table(genotypes: Mapping[str, AnyGenotype], records: Mapping[str, GateRecord]) -> Table | None:
    """A row a label, a column a genotype under its name, then the gates after the last epoch, the largest first; None
    where no genotype has choices."""
    labels = list(dict.fromkeys(label for genotype in genotypes.values() for label in genotype.choices))
    if not labels:
        return None
    recorded = [label for label in labels if label in records and records[label].epochs]
    columns = ["choice", *genotypes, *(["gates after the last epoch"] if recorded else [])]
    rows = []
    for label in labels:
        chosen = [genotype.choices.get(label) for genotype in genotypes.values()]
        row = [label.replace("_", " "), *(tables.NOTHING if name is None else choice_text(name) for name in chosen)]
        rows.append([*row, *([_gates(records.get(label) if label in recorded else None)] if recorded else [])])
    return tables.text_table(columns, rows)


def _gates(record: GateRecord | None) -> str:
    """The candidates of a choice by their gates; of several edges, such as inputs, the largest of each."""
    if record is None:
        return f"{tables.NOTHING} (no choice)"
    last = record.gates[-1]
    if len(record.edges) > 1:
        strongest = [(edge, record.primitives[row.argmax()], row.max()) for edge, row in zip(record.edges, last)]
        return ", ".join(f"{edge}: {name} {gate:.2f}" for edge, name, gate in strongest)
    order = sorted(range(len(record.primitives)), key=lambda k: -last[0][k])
    return ", ".join(f"{record.primitives[k]} {last[0][k]:.2f}" for k in order)
