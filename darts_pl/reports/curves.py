"""Curves over the epochs of a search or a retraining, from a history table (pandas, one row an epoch)."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from darts_pl.reports.style import MUTED, PAGE_WIDTH, SERIES, TRAIN, VALID, kind_title, styled

Line = tuple[str, str, str]  # column of the table, name in the legend, colour


def has_any(history: pd.DataFrame | None, columns: Sequence[str]) -> bool:
    """Whether at least one of `columns` holds a number."""
    return history is not None and any(name in history and history[name].notna().any() for name in columns)


def _plot(axes: Axes, history: pd.DataFrame, lines: Sequence[Line], dashed: bool = False) -> None:
    """Draw the columns that are there; few points get markers, so that a single epoch can be seen."""
    marker = "o" if len(history) <= 30 else None
    for column, name, colour in lines:
        if has_any(history, [column]):
            axes.plot(
                history["epoch"], history[column], label=name, color=colour,
                marker=marker, markersize=3.5, linestyle="--" if dashed else "-",
            )  # fmt: skip


def _finish(axes: Axes, title: str) -> None:
    axes.set(title=title, xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    if axes.get_legend_handles_labels()[1]:
        axes.legend()


@styled
def training_curves(history: pd.DataFrame) -> Figure:
    """Loss, accuracy and learning rate by epoch: columns train_loss, val_loss, train_acc, val_acc, lr."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.1), layout="constrained", facecolor="white")
    loss, accuracy, rate = figure.subplots(1, 3)
    _plot(loss, history, [("train_loss", "training", TRAIN), ("val_loss", "validation", VALID)])
    _plot(accuracy, history, [("train_acc", "training", TRAIN), ("val_acc", "validation", VALID)])
    _plot(rate, history, [("lr", "", MUTED)])
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axes, title in ((loss, "Loss"), (accuracy, "Accuracy"), (rate, "Learning rate of the weights")):
        _finish(axes, title)
    return figure


def columns_by_kind(history: pd.DataFrame | None, prefix: str) -> list[str]:
    """The columns `<prefix><kind of cell>` that hold a number, such as entropy_normal and entropy_reduce."""
    names = [] if history is None else [str(name) for name in history.columns if str(name).startswith(prefix)]
    return [name for name in names if has_any(history, [name])]


def _line_a_kind(history: pd.DataFrame, prefix: str) -> list[Line]:
    """A line for each kind of cell; a single one needs no name."""
    columns = columns_by_kind(history, prefix)
    names = [kind_title(name.removeprefix(prefix)).removesuffix(" cell").lower() for name in columns]
    names = names if len(names) > 1 else [""] * len(names)
    return [(column, name, SERIES[i % len(SERIES)]) for i, (column, name) in enumerate(zip(columns, names))]


@styled
def architecture_curves(history: pd.DataFrame, operations: int | None = None) -> Figure:
    """Movement of alpha, gate entropy (nats) and skips by epoch; `operations` gives the entropy's maximum."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.1), layout="constrained", facecolor="white")
    movement, entropy, skips = figure.subplots(1, 3)
    _plot(movement, history, [("alpha_movement", "", TRAIN)])
    _plot(entropy, history, _line_a_kind(history, "entropy_"))
    _plot(skips, history, _line_a_kind(history, "skips_"))
    if operations and operations > 1:
        entropy.axhline(math.log(operations), color=MUTED, linestyle=":", linewidth=1.2, label="all equal")
    skips.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    skips.set_ylim(bottom=-0.1)
    _finish(movement, "Mean distance of alpha from its start")
    _finish(entropy, "Gate entropy, nats")
    _finish(skips, "Skip connections in the genotype")
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
    rows = math.ceil(len(columns) / 3)
    figure = Figure(figsize=(PAGE_WIDTH, 2.7 * rows), layout="constrained", facecolor="white")
    panels = figure.subplots(rows, 3, squeeze=False).flat
    for name, axes in zip(columns, panels):
        _plot(axes, history.dropna(subset=[name]), [(name, "", TRAIN)])
        _finish(axes, name.replace("_", " "))
    for axes in panels:
        axes.set_visible(False)
    return figure


@styled
def compared_training(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Loss and accuracy of several trainings, one colour each: training dashed, validation solid."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.3), layout="constrained", facecolor="white")
    loss, accuracy = figure.subplots(1, 2)
    for number, (name, history) in enumerate(histories.items()):
        colour = SERIES[number % len(SERIES)]
        for axes, quantity in ((loss, "loss"), (accuracy, "acc")):
            _plot(axes, history, [(f"train_{quantity}", f"{name}, training", colour)], dashed=True)
            _plot(axes, history, [(f"val_{quantity}", f"{name}, validation", colour)])
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
    _finish(loss, "Loss")
    _finish(accuracy, "Accuracy")
    return figure
