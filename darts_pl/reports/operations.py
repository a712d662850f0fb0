"""Which operations a search chose: their share in the genotype beside the gate they hold on average."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from darts_pl.genotype import Cell
from darts_pl.reports.style import PAGE_WIDTH, VALID, operation_colour, shortened, styled


def operation_shares(cell: Cell, gates: np.ndarray | None, primitives: Sequence[str]) -> pd.DataFrame:
    """Per operation: `count` and `share` in `cell`, `mean_gate` over the edges of `gates` `[E, K]`, else NaN.

    Rows follow `primitives`; operations of the cell that are not among them come last.
    """
    counts = Counter(edge.op for node in cell.nodes for edge in node)
    names = list(dict.fromkeys([*primitives, *sorted(counts)]))
    means = dict(zip(primitives, np.mean(gates, axis=0))) if gates is not None else {}  # [E, K] -> [K]
    table = pd.DataFrame({"operation": names, "count": [counts[name] for name in names]})
    table["share"] = table["count"] / max(1, counts.total())
    table["mean_gate"] = [float(means.get(name, np.nan)) for name in names]
    return table


@styled
def operation_bars(shares: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel a cell, from `operation_shares`: solid bars for the genotype, pale ones for the mean gate."""
    rows = max(len(table) for table in shares.values())
    size = (PAGE_WIDTH, 1.0 + 0.42 * rows)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(shares), sharex=True, squeeze=False)[0]
    longest = np.concatenate([table[["share", "mean_gate"]].to_numpy().ravel() for table in shares.values()])
    panels[0].set_xlim(0, 1.12 * max([0.1, *longest[np.isfinite(longest)]]))
    for axes, (title, table) in zip(panels, shares.items()):
        _bars(axes, table)
        axes.set_title(title)
    return figure


def _bars(axes: Axes, table: pd.DataFrame) -> None:
    y = np.arange(len(table))
    colours = [operation_colour(name) for name in table["operation"]]
    axes.barh(y - 0.2, table["share"], height=0.36, color=colours)
    shown = table["mean_gate"].where(np.isfinite(table["mean_gate"]), 0.0)
    axes.barh(y + 0.2, shown, height=0.36, color=colours, alpha=0.38)
    for row, (count, share, mean) in enumerate(zip(table["count"], table["share"], table["mean_gate"])):
        axes.text(share, row - 0.2, f" {count}", va="center", size=9)
        if np.isfinite(mean):
            axes.text(mean, row + 0.2, f" {mean:.2f}", va="center", size=9, alpha=0.8)
    axes.set_yticks(y, [shortened(name) for name in table["operation"]])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


PUBLISHED = "#a9b7c8"


@styled
def parameter_bars(published: Sequence[tuple[str, int]], derived: int | None) -> Figure:
    """Bars of parameter counts, smallest at the top; `derived` is the count of this run's genotype."""
    entries = [(name, count, PUBLISHED) for name, count in published]
    if derived is not None:
        entries.append(("this run", derived, VALID))
    entries.sort(key=lambda entry: entry[1])
    size = (PAGE_WIDTH * 0.75, 0.75 + 0.33 * len(entries))
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    axes = figure.subplots()
    y = np.arange(len(entries))
    axes.barh(y, [count / 1e6 for _, count, _ in entries], color=[colour for *_, colour in entries], height=0.64)
    for row, (_, count, _) in enumerate(entries):
        axes.text(count / 1e6, row, f"  {count:,}", va="center", size=9.5)
    axes.set_yticks(y, [shortened(name) for name, *_ in entries])
    axes.set_xlim(0, 1.18 * max(1, *(count for _, count, _ in entries)) / 1e6)
    axes.set_xlabel("million parameters")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    return figure
