"""Curves over the epochs of a search or a retraining, from a history table (pandas, one row an epoch)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from darts_pl.metric_names import format_title, is_accuracy
from darts_pl.reports.style import (
    MUTED,
    PAGE_WIDTH,
    SERIES,
    TRAIN,
    Dashes,
    kind_title,
    line_look,
    shortened,
    styled,
    wrapped,
)

DASHED: Dashes = (0, (5, 2))  # training
SOLID: Dashes = "-"  # validation


@dataclass(frozen=True)
class Line:
    """A column of a table as a line: its name in the legend, its place among the lines of the picture, which gives its
    look; dashes and colour where they say something else."""

    column: str
    name: str = ""
    place: int = 0
    dashes: Dashes | None = None
    colour: str | None = None


def has_any(history: pd.DataFrame | None, columns: Sequence[str]) -> TypeGuard[pd.DataFrame]:
    """Whether at least one of `columns` holds a number."""
    return history is not None and any(name in history and history[name].notna().any() for name in columns)


def _plot(axes: Axes, history: pd.DataFrame, lines: Sequence[Line]) -> None:
    """Draw the columns that are there; a value that is not finite is a gap."""
    for line in lines:
        if has_any(history, [line.column]):
            look = line_look(line.place, len(history), line.colour)
            look = look if line.dashes is None else {**look, "linestyle": line.dashes}
            axes.plot(history["epoch"], finite(history[line.column]), label=shortened(line.name), **look)


def finite(values: pd.Series) -> pd.Series:
    """`values` with NaN where they are infinite: a scale cannot end there."""
    return values.replace([np.inf, -np.inf], np.nan)


def _finish(axes: Axes, title: str) -> None:
    """Title, ticks and legend of one of three panels in a row."""
    axes.set(title=wrapped(title, PAGE_WIDTH / 3), xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    if axes.get_legend_handles_labels()[1]:
        axes.legend()


@styled
def training_curves(history: pd.DataFrame, monitor: str = "acc") -> Figure:
    """Loss, the metric `monitor` and learning rate by epoch: columns train_loss, val_loss, train_<monitor>,
    val_<monitor>, lr. The loss as monitor has no panel of its own."""
    metrics = list(dict.fromkeys(("loss", monitor)))
    figure = Figure(figsize=(PAGE_WIDTH, 3.1), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(metrics) + 1)
    for axes, metric in zip(panels, metrics):
        _metric(axes, history, metric)
    _plot(panels[-1], history, [Line("lr", colour=MUTED)])
    _finish(panels[-1], "Learning rate of the weights")
    return figure


def _metric(axes: Axes, history: pd.DataFrame, metric: str) -> None:
    """A metric in training and validation, in per cent where it is an accuracy."""
    training, validation = Line(f"train_{metric}", "training", 0, DASHED), Line(f"val_{metric}", "validation", 1, SOLID)
    _plot(axes, history, [training, validation])
    if is_accuracy(metric):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _finish(axes, format_title(metric))


@styled
def metric_curves(history: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """A panel a metric in training and validation, three in a row."""
    figure, panels = _grid(len(metrics))
    for axes, metric in zip(panels, metrics):
        _metric(axes, history, metric)
    return figure


def _grid(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels, three in a row."""
    rows = math.ceil(count / 3)
    figure = Figure(figsize=(PAGE_WIDTH, 2.7 * rows), layout="constrained", facecolor="white")
    panels = list(figure.subplots(rows, 3, squeeze=False).flat)
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, panels[:count]


def columns_by_kind(history: pd.DataFrame | None, prefix: str) -> list[str]:
    """The columns `<prefix><kind of cell>` that hold a number, such as entropy_normal and entropy_reduce."""
    names = [] if history is None else [str(name) for name in history.columns if str(name).startswith(prefix)]
    return [name for name in names if has_any(history, [name])]


def _line_a_kind(history: pd.DataFrame, prefix: str) -> list[Line]:
    """A line for each kind of cell; a single one needs no name."""
    columns = columns_by_kind(history, prefix)
    names = [kind_title(name.removeprefix(prefix)).removesuffix(" cell").lower() for name in columns]
    names = names if len(names) > 1 else [""] * len(names)
    return [Line(column, name, place) for place, (column, name) in enumerate(zip(columns, names))]


def too_many_kinds(history: pd.DataFrame | None, prefix: str) -> bool:
    """Whether there are more kinds than lines with colours of their own."""
    return len(columns_by_kind(history, prefix)) > len(SERIES)


def _plot_range(axes: Axes, history: pd.DataFrame, columns: Sequence[str]) -> None:
    """The mean of many columns as a line, from the least to the largest as a band."""
    values, epochs = history[list(columns)].apply(finite), history["epoch"]
    axes.fill_between(
        epochs, values.min(axis=1), values.max(axis=1), color=TRAIN, alpha=0.15, linewidth=0, label="range"
    )
    axes.plot(epochs, values.mean(axis=1), color=TRAIN, label=f"mean of {len(columns)}")


@styled
def architecture_curves(history: pd.DataFrame, operations: int | None = None) -> Figure:
    """Movement of alpha, gate entropy (nats) and skips by epoch; `operations` gives the entropy's maximum."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.1), layout="constrained", facecolor="white")
    movement, entropy, skips = figure.subplots(1, 3)
    _plot(movement, history, [Line("alpha_movement")])
    for axes, prefix in ((entropy, "entropy_"), (skips, "skips_")):
        if too_many_kinds(history, prefix):
            _plot_range(axes, history, columns_by_kind(history, prefix))
        else:
            _plot(axes, history, _line_a_kind(history, prefix))
    if operations and operations > 1:
        entropy.axhline(math.log(operations), color=MUTED, linestyle=":", linewidth=1.2, label="all equal")
    skips.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    skips.set_ylim(bottom=-0.1)
    _finish(movement, "Mean distance of alpha from its start")
    _finish(entropy, "Gate entropy, nats")
    _finish(skips, "Skip connections in the genotype")
    skips.set_visible(bool(columns_by_kind(history, "skips_")))  # a genotype without cells has none to count
    return figure


COMMON = ("epoch", "alpha_movement", "alpha_updates", "arch_lr", "lr", "train_", "val_", "entropy_", "skips_")


def columns_of_rules(history: pd.DataFrame | None) -> list[str]:
    """The columns that rules of the search have added, those without any value left out."""
    if history is None:
        return []
    return [name for name in history.columns if not name.startswith(COMMON) and has_any(history, [name])]


@styled
def rule_curves(history: pd.DataFrame, columns: Sequence[str]) -> Figure:
    """One panel a column by epoch, three in a row."""
    figure, panels = _grid(len(columns))
    for name, axes in zip(columns, panels):
        _plot(axes, history.dropna(subset=[name]), [Line(name)])
        _finish(axes, name.replace("_", " "))
    return figure


@styled
def compared_training(histories: Mapping[str, pd.DataFrame], monitor: str = "acc") -> Figure:
    """Loss and the metric `monitor` of several trainings, each of a colour and marker: training dashed, validation
    solid."""
    metrics = list(dict.fromkeys(("loss", monitor)))
    figure = Figure(figsize=(PAGE_WIDTH, 3.3), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for number, (name, history) in enumerate(histories.items()):
        for axes, quantity in zip(panels, metrics):
            of_training = Line(f"train_{quantity}", f"{name}, training", number, DASHED)
            _plot(axes, history, [of_training, Line(f"val_{quantity}", f"{name}, validation", number, SOLID)])
    for axes, metric in zip(panels, metrics):
        if is_accuracy(metric):
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        _finish(axes, format_title(metric))
    return figure
