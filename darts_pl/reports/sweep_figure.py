"""The plot of a sweep: every run as a point, groups of equal settings by colour, means as bars."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from darts_pl.reports.curves import finite
from darts_pl.reports.monitor import Monitor
from darts_pl.reports.style import INK, PAGE_WIDTH, line_look, shortened, styled, wrapped
from darts_pl.reports.sweep_metrics import is_percent, metric_of, title

MOST_SKIPS = 6  # kinds of cell whose skip connections are drawn
MOST_GROUPS = 40  # lines of a picture that are told apart
LONGEST_GROUP = 100  # characters of a group's settings in the legend


@styled
def comparison_figure(
    table: pd.DataFrame,
    groups: Sequence[str],
    metrics: Sequence[str],
    histories: Mapping[str, pd.DataFrame],
    monitors: Sequence[Monitor] = (Monitor(),),
) -> Figure:
    """The monitored metric in validation by epoch of every run, a panel a metric; then one panel a number reached.

    Args:
        table: one row a run, with column `run` and the metrics.
        groups: the group of each row; rows of one group share a colour.
        metrics: columns of `table`; those that have a `title` are drawn.
        histories: by run, tables with `epoch` and `val_<monitor>`.
        monitors: what the runs go by, one unless they differ in the task.
    """
    falling = [monitor.name for monitor in monitors if not monitor.higher_is_better]
    left = not_drawn(metrics)
    shown = [name for name in metrics if table[name].notna().any() and name not in left]
    titles = {name: text for name in shown if (text := title(name))}
    names = list(dict.fromkeys(groups))
    if len(names) > MOST_GROUPS:
        raise ValueError(f"{len(names)} groups of equal settings, of which {MOST_GROUPS} at most are told apart")
    places = {name: place for place, name in enumerate(names)}
    rows = -(-(len(titles) + len(monitors)) // 3)
    height = rows * max(2.3, 1.3 + 0.3 * len(names)) + 0.3 * len(names) + 0.4
    figure = Figure(figsize=(PAGE_WIDTH, height), layout="constrained", facecolor="white")
    panels = figure.subplots(rows, 3, squeeze=False).ravel()
    for axes, monitor in zip(panels, monitors):
        _by_epoch(axes, table["run"], groups, places, histories, monitor)
    for axes, (metric, text) in zip(panels[len(monitors) :], titles.items()):
        _points(axes, finite(table[metric]), groups, places, whole=metric.startswith("skips"))
        axes.set_title(wrapped(text, PAGE_WIDTH / 3))
        axes.set_xlabel("less is better" if metric_of(metric) in falling else "")
        if is_percent(metric):
            axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    for axes in panels[len(titles) + len(monitors) :]:
        axes.set_axis_off()
    handles = [panels[0].plot([], [], **line_look(place, 1, size=6))[0] for place in places.values()]
    told = [shortened(name, LONGEST_GROUP) for name in names]
    figure.legend(
        handles, told, loc="outside lower left", ncols=1 if max(map(len, told), default=0) > 40 else 2, handlelength=3
    )
    return figure


def not_drawn(metrics: Sequence[str]) -> list[str]:
    """The counts of skip connections of which there are too many kinds to draw."""
    return [name for name in metrics if name.startswith("skips_")][MOST_SKIPS:]


def _by_epoch(
    axes: Axes,
    runs: Iterable[str],
    groups: Sequence[str],
    places: Mapping[str, int],
    histories: Mapping[str, pd.DataFrame],
    monitor: Monitor,
) -> None:
    column = f"val_{monitor.name}"
    for run, group in zip(runs, groups):
        history = histories.get(run)
        if history is not None and column in history:
            axes.plot(
                history["epoch"], finite(history[column]), linewidth=1.4, **line_look(places[group], len(history))
            )
    axes.set(title=wrapped(f"Validation {monitor.words}", PAGE_WIDTH / 3), xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if monitor.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _points(axes: Axes, values: pd.Series, groups: Sequence[str], places: Mapping[str, int], whole: bool) -> None:
    """A row a group: its runs as points, spread a little so that equal values show, and their mean."""
    for name, row in places.items():
        members = values[[group == name for group in groups]].dropna()
        if members.empty:
            continue
        spread = np.linspace(-0.16, 0.16, len(members)) if len(members) > 1 else [0.0]
        look = {**line_look(row, 1, size=6), "linestyle": "none"}
        axes.plot(members, row + np.asarray(spread), alpha=0.85, **look)
        axes.plot([members.mean()] * 2, [row - 0.34, row + 0.34], color=INK, linewidth=2)
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=whole, min_n_ticks=1))
    if whole and values.notna().any():
        axes.set_xlim(values.min() - 0.5, values.max() + 0.5)
