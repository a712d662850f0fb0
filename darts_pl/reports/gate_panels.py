"""Small pictures of gates by epoch, a panel a kind of choice, four in a row."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from darts_pl.reports.gate_records import GateRecord
from darts_pl.reports.style import (
    OPERATION_COLOURS,
    PAGE_WIDTH,
    kind_title,
    line_look,
    operation_colour,
    shortened,
    styled,
)

PANELS_A_ROW = 4
LONGEST_NAME, MOST_BESIDE = 16, 24  # characters of a legend's name, and of two beside each other
PANEL, GAP = 1.1, 0.62  # inches: the height of a panel; title, ticks and air of its row
BETWEEN = 0.45  # inches between panels of a row: half a number of the left one, the numbers of the right one


@styled
def gates_figure(records: Mapping[str, GateRecord], title: str) -> Figure:
    """A panel a kind of choice with its own legend, gates from 0 to 1; cells come first, as the mean of their edges."""
    kinds = sorted(records, key=lambda kind: len(records[kind].edges) == 1)
    rows = [kinds[i : i + PANELS_A_ROW] for i in range(0, len(kinds), PANELS_A_ROW)]
    # Each row is as high as its longest legend asks. Margins by hand: constrained layout takes seconds here.
    legends = [0.17 * max(_legend_size(records[kind])[0] for kind in row) for row in rows]
    height = 0.3 + sum(PANEL + GAP + legend for legend in legends)
    figure = Figure(figsize=(PAGE_WIDTH, height), facecolor="white")
    figure.text(0.05 / PAGE_WIDTH, 1 - 0.05 / height, title, va="top", weight="bold", size=11)
    width, above = (PAGE_WIDTH - 0.5) / PANELS_A_ROW, height - 0.3
    for row, legend in zip(rows, legends):
        for column, kind in enumerate(row):
            box = (0.45 + column * width, above - 0.27 - PANEL, width - BETWEEN, PANEL)
            axes = figure.add_axes((box[0] / PAGE_WIDTH, box[1] / height, box[2] / PAGE_WIDTH, box[3] / height))
            _panel(axes, kind, records[kind])
        above -= PANEL + GAP + legend
    return figure


def _legend_size(record: GateRecord) -> tuple[int, int]:
    """(rows, columns) of a legend: two columns where the names of both fit below the panel."""
    lengths = [len(shortened(name, LONGEST_NAME)) for name in record.primitives]
    half = -(-len(lengths) // 2)
    beside = max(lengths[:half]) + max(lengths[half:], default=0)
    return (half, 2) if beside <= MOST_BESIDE else (len(lengths), 1)


def _panel(axes: Axes, kind: str, record: GateRecord) -> None:
    means = np.asarray(record.gates, dtype=float).mean(axis=1)  # [T, E, K] -> [T, K]
    edges = len(record.edges)
    for column, name in enumerate(record.primitives):
        colour = operation_colour(name) if name in OPERATION_COLOURS else None
        look = line_look(column, len(record.epochs), colour, size=3)
        axes.plot(record.epochs, means[:, column], label=shortened(name, LONGEST_NAME), linewidth=1.4, **look)
    title = f"{kind_title(kind)}, mean of {edges} edges" if edges > 1 else kind.replace("_", " ")
    axes.set_title(shortened(title, 36), size=9.5, weight="normal", pad=4)
    axes.set(ylim=(-0.03, 1.03), yticks=(0, 0.5, 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.tick_params(labelsize=8.5)
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.06, -0.2), ncols=_legend_size(record)[1], fontsize=8.5, handlelength=1.6,
        columnspacing=0.6, labelspacing=0.25, borderaxespad=0.1, handletextpad=0.4,
    )  # fmt: skip
