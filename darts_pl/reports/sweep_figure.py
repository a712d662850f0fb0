"""The plot of a sweep: every run as a point, groups of equal settings by colour, means as bars."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from darts_pl.reports.style import INK, PAGE_WIDTH, SERIES, kind_title, styled

TITLES = {
    "val_acc_best": "Best validation accuracy",
    "test_acc searched": "Test accuracy, searched network",
    "test_acc random architecture": "Test accuracy, random architecture",
    "alpha_movement": "Mean distance of alpha from its start",
    "skips_": "Skip connections",
    "seconds_per_step": "Seconds a step",
}


@styled
def comparison_figure(
    table: pd.DataFrame, groups: Sequence[str], metrics: Sequence[str], histories: Mapping[str, pd.DataFrame]
) -> Figure:
    """Validation accuracy by epoch of every run, then one panel a metric.

    Args:
        table: one row a run, with column `run` and the metrics.
        groups: the group of each row; rows of one group share a colour.
        metrics: columns of `table`; those in TITLES are drawn, and `skips_<kind of cell>`.
        histories: by run, tables with `epoch` and `val_acc`.
    """
    drawn = [name for known in TITLES for name in metrics if _is(name, known) and table[name].notna().any()]
    names = list(dict.fromkeys(groups))
    colours = {name: SERIES[number % len(SERIES)] for number, name in enumerate(names)}
    rows = -(-(len(drawn) + 1) // 3)
    height = rows * max(2.3, 1.3 + 0.3 * len(names)) + 0.3 * len(names) + 0.4
    figure = Figure(figsize=(PAGE_WIDTH, height), layout="constrained", facecolor="white")
    panels = figure.subplots(rows, 3, squeeze=False).ravel()
    _accuracy_by_epoch(panels[0], table["run"], groups, colours, histories)
    for axes, metric in zip(panels[1:], drawn):
        _points(axes, table[metric], groups, colours, whole=metric.startswith("skips"))
        axes.set_title(_title(metric))
        if "acc" in metric:
            axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    for axes in panels[len(drawn) + 1 :]:
        axes.set_axis_off()
    handles = _legend_lines(panels[0], colours)
    figure.legend(handles, names, loc="outside lower left", ncols=1 if max(map(len, names)) > 40 else 2)
    return figure


def _is(metric: str, known: str) -> bool:
    return metric.startswith(known) if known.endswith("_") else metric == known


def _title(metric: str) -> str:
    if metric.startswith("skips_"):
        return f"{TITLES['skips_']}, {kind_title(metric.removeprefix('skips_')).lower()}"
    return TITLES[metric]


def _legend_lines(axes: Axes, colours: Mapping[str, str]) -> list:
    return [axes.plot([], [], color=colour, marker="o", markersize=6)[0] for colour in colours.values()]


def _accuracy_by_epoch(axes: Axes, runs, groups, colours, histories: Mapping[str, pd.DataFrame]) -> None:
    for run, group in zip(runs, groups):
        history = histories.get(run)
        if history is not None and "val_acc" in history:
            marker = "o" if len(history) <= 30 else None
            axes.plot(
                history["epoch"],
                history["val_acc"],
                color=colours[group],
                marker=marker,
                markersize=3,
                linewidth=1.4,
            )
    axes.set(title="Validation accuracy", xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _points(axes: Axes, values: pd.Series, groups: Sequence[str], colours: Mapping[str, str], whole: bool) -> None:
    """A row a group: its runs as points, spread a little so that equal values show, and their mean."""
    for row, (name, colour) in enumerate(colours.items()):
        members = values[[group == name for group in groups]].dropna()
        if members.empty:
            continue
        spread = np.linspace(-0.16, 0.16, len(members)) if len(members) > 1 else [0.0]
        axes.plot(members, row + np.asarray(spread), "o", color=colour, markersize=6, alpha=0.85)
        axes.plot([members.mean()] * 2, [row - 0.34, row + 0.34], color=INK, linewidth=2)
    axes.set_ylim(len(colours) - 0.4, -0.6)
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=whole, min_n_ticks=1))
    if whole:
        axes.set_xlim(min(values) - 0.5, max(values) + 0.5)
