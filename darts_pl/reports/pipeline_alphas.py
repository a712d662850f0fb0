"""How the gates of each searched candidate moved: one small picture a choice, the cells' edges averaged."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from darts_pl.reports import alphas
from darts_pl.reports.page import Block, Text, picture
from darts_pl.reports.pipeline_files import GateRecord, PipelineFiles
from darts_pl.reports.style import OPERATION_COLOURS, PAGE_WIDTH, SERIES, kind_title, operation_colour, styled

PANELS_A_ROW = 4
PANEL, GAP = 1.1, 0.62  # inches: the height of a panel; title, ticks and air of its row
HOW_TO_READ = (
    "Gates by epoch: each line is what one possibility weighs in its mixture, in a cell the mean over its edges. What "
    "ends high is what the search leans to; lines that stay together were not decided."
)
MOST = 6  # candidates that are drawn, the chosen one first
MOST_EDGES = 30  # of a cell drawn edge by edge: more make no readable picture


def alpha_blocks(found: PipelineFiles) -> list[Block]:
    """One picture a searched candidate, the chosen one first and with each edge of its cells."""
    order = sorted(found.gates, key=lambda name: (name != found.chosen, name))
    blocks: list[Block] = [Text(HOW_TO_READ)] if order else []
    for name in order[:MOST]:
        moved = ", ".join(f"{_title(kind)} {value:.2f}" for kind, value in movement(found.gates[name]).items())
        title = f"Candidate {name}, the chosen one" if name == found.chosen else f"Candidate {name}"
        caption = f"Largest change of a gate of {name} from the start to the end: {moved}."
        blocks.append(picture(gates_figure(found.gates[name], title), caption))
        if name == found.chosen:
            blocks += _edges_of(found.gates[name])
    if left := order[MOST:]:
        blocks.append(Text(f"Not drawn: {', '.join(left)}; their gates are in search/<candidate>/alphas.npz."))
    return blocks


def movement(records: Mapping[str, GateRecord]) -> dict[str, float]:
    """Kind → the largest change of any of its gates between the first epoch and the last."""
    return {kind: float(np.abs(record.gates[-1] - record.gates[0]).max()) for kind, record in records.items()}


def _edges_of(records: Mapping[str, GateRecord]) -> list[Block]:
    """A picture of every edge, for each kind that is a cell."""
    blocks: list[Block] = []
    for kind, record in records.items():
        if 1 < len(record.edges) <= MOST_EDGES:
            title = f"{kind_title(kind)}: gates by epoch"
            figure = alphas.edge_curves(record.epochs, record.gates, record.edges, record.primitives, title)
            caption = (
                "Each small picture is an edge of the cell: its row is the node it leads into, its column its source."
            )
            blocks.append(picture(figure, caption))
    return blocks


def _title(kind: str) -> str:
    return kind.replace("_", " ")


@styled
def gates_figure(records: Mapping[str, GateRecord], title: str) -> Figure:
    """A panel a kind of choice with its own legend, gates from 0 to 1; cells come first, as the mean of their edges."""
    kinds = sorted(records, key=lambda kind: len(records[kind].edges) == 1)
    rows = [kinds[i : i + PANELS_A_ROW] for i in range(0, len(kinds), PANELS_A_ROW)]
    # Each row is as high as its longest legend asks. Margins by hand: constrained layout takes seconds here.
    legends = [0.17 * max(-(-len(records[kind].primitives) // 2) for kind in row) for row in rows]
    height = 0.3 + sum(PANEL + GAP + legend for legend in legends)
    figure = Figure(figsize=(PAGE_WIDTH, height), facecolor="white")
    figure.text(0.05 / PAGE_WIDTH, 1 - 0.05 / height, title, va="top", weight="bold", size=11)
    width, above = (PAGE_WIDTH - 0.5) / PANELS_A_ROW, height - 0.3
    for row, legend in zip(rows, legends):
        for column, kind in enumerate(row):
            box = (0.45 + column * width, above - 0.27 - PANEL, width - 0.25, PANEL)
            axes = figure.add_axes((box[0] / PAGE_WIDTH, box[1] / height, box[2] / PAGE_WIDTH, box[3] / height))
            _panel(axes, kind, records[kind])
            axes.tick_params(labelleft=column == 0)
        above -= PANEL + GAP + legend
    return figure


def _panel(axes: Axes, kind: str, record: GateRecord) -> None:
    means = np.asarray(record.gates, dtype=float).mean(axis=1)
    edges = len(record.edges)
    for column, name in enumerate(record.primitives):
        colour = operation_colour(name) if name in OPERATION_COLOURS else SERIES[column % len(SERIES)]
        axes.plot(
            record.epochs, means[:, column], color=colour, label=name, linewidth=1.6,
            linestyle="--" if name == "none" else "-", marker="o" if len(record.epochs) <= 4 else None, markersize=3,
        )  # fmt: skip
    title = f"{kind_title(kind)}, mean of {edges} edges" if edges > 1 else _title(kind)
    axes.set_title(title, size=9.5, weight="normal", pad=4)
    axes.set(ylim=(-0.03, 1.03), yticks=(0, 0.5, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.06, -0.2), ncols=2, fontsize=8.5, handlelength=1.1,
        columnspacing=0.9, labelspacing=0.25, borderaxespad=0.1, handletextpad=0.5,
    )  # fmt: skip
