"""How many times faster each engine is: a panel a kind of step, a bar a row."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from darts_pl.reports.style import INK, MUTED, PAGE_WIDTH, SERIES, styled

PANELS_A_ROW = 2
BAR, MARGIN = 0.3, 0.75  # inches of a bar, and of what stands around the bars of a panel

Row = Mapping[str, Any]


@styled
def speed_figure(rows: Sequence[Row]) -> Figure:
    """Horizontal bars of the ratios to the reference, with the lowest and highest; every row has one."""
    groups: dict[tuple[str, int, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["order"], row["batch"], row["threads"]), []).append(row)
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    lines = -(-len(groups) // PANELS_A_ROW)
    most = max(map(len, groups.values()))
    figure = Figure(figsize=(PAGE_WIDTH, lines * (BAR * most + MARGIN)), layout="constrained")
    panels = list(figure.subplots(lines, PANELS_A_ROW, squeeze=False, sharex=True).flat)
    for (order, batch, threads), axes in zip(groups, panels):
        axes.set_title(f"{order}, batch {batch}, {threads} thread{'s' * (threads > 1)}", color=INK, size=10)
        _bars(axes, groups[order, batch, threads][::-1], engines)
    for axes in panels[len(groups) :]:
        axes.set_visible(False)
    figure.supxlabel("times faster than the reference", size=10, color=MUTED)
    return figure


def _bars(axes: Axes, rows: Sequence[Row], engines: Sequence[str]) -> None:
    places = range(len(rows))
    ratios = [row["ratio"] for row in rows]
    spread = [
        [row["ratio"] - row["ratio_low"] for row in rows],
        [row["ratio_high"] - row["ratio"] for row in rows],
    ]
    axes.barh(places, ratios, color=[SERIES[engines.index(row["engine"]) % len(SERIES)] for row in rows], height=0.7)
    axes.errorbar(ratios, places, xerr=spread, fmt="none", ecolor=INK, capsize=2)
    axes.set_yticks(places, [_name(row) for row in rows])
    axes.axvline(1.0, color=MUTED, linestyle="--", linewidth=1)
    axes.grid(axis="y", visible=False)


def _name(row: Row) -> str:
    mixing = "" if row["mixing"] == "full" else f", {row['mixing']}"
    return f"{row['engine']}{mixing}{', recomputing' * row['recompute']}"
