"""Forecasts beside the truth on the original scale, and the error by step of the horizon."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from darts_pl.reports.curves import finite
from darts_pl.reports.page import Block, Text, panels, picture
from darts_pl.reports.pipeline_files import PipelineFiles
from darts_pl.reports.pipeline_names import SEARCHED, is_random, label, look
from darts_pl.reports.style import INK, MUTED, PAGE_WIDTH, shortened, styled

MOST_WINDOWS, MOST_TARGETS = 4, 3
BESIDE = ("DLinear", "seasonal naive")  # forecasts drawn beside the searched model's; more would hide each other


def forecast_blocks(found: PipelineFiles) -> list[Block]:
    """Small multiples: a row a window, a column a target."""
    if found.forecasts is None or not found.forecasts["truth"].size:
        return []
    names = {name: label(name.removeprefix("forecast_")) for name in found.forecasts if name.startswith("forecast_")}
    drawn = {label: name for name, label in names.items() if label in (SEARCHED, *BESIDE)}
    if not drawn:
        return [
            Text("The file of forecasts holds no forecast of the searched model, DLinear or the seasonal naive one.")
        ]
    windows, _, targets = found.forecasts["truth"].shape
    shown = f"{min(windows, MOST_WINDOWS)} of the {windows} kept windows"
    many = f" and {MOST_TARGETS} of the {targets} targets" if targets > MOST_TARGETS else ""
    caption = (
        f"Forecasts of the test split on the original scale, for {shown}{many}, evenly chosen. Left of the vertical "
        "line is the look-back, right of it truth and forecasts; steps count from the first forecast value."
    )
    return [picture(forecast_figure(found.forecasts, drawn), caption)]


@styled
def forecast_figure(forecasts: Mapping[str, np.ndarray], drawn: Mapping[str, str]) -> Figure:
    """A row a window and a column a target.

    Args:
        forecasts: truth and forecasts [W, P, Y], past [W, T, Y], starts [W], target_names [Y].
        drawn: name in the legend → name of the forecast's array.
    """
    truth = forecasts["truth"]
    windows, targets = (_evenly(truth.shape[axis], most) for axis, most in ((0, MOST_WINDOWS), (2, MOST_TARGETS)))
    size = (PAGE_WIDTH, 1.85 * len(windows) + 0.8)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    panels = figure.subplots(len(windows), len(targets), squeeze=False, sharex=True)
    names = [str(name) for name in forecasts.get("target_names", [f"target {i}" for i in range(truth.shape[2])])]
    starts = [str(start).replace("T", " ") for start in forecasts.get("starts", [""] * len(truth))]
    for row, window in zip(panels, windows):
        for axes, target in zip(row, targets):
            _window(axes, forecasts, drawn, window, target)
            axes.set_title(f"{shortened(names[target], 20)}   {starts[window]}", size=9.5, weight="normal")
        row[0].set_ylabel("original scale")
    for axes in panels[-1]:
        axes.set_xlabel("step")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


def _evenly(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def _window(
    axes: Axes, forecasts: Mapping[str, np.ndarray], drawn: Mapping[str, str], window: int, target: int
) -> None:
    past, truth = forecasts["past"][window, :, target], forecasts["truth"][window, :, target]  # [T], [P]
    ahead = np.arange(1, len(truth) + 1)
    axes.plot(np.arange(1 - len(past), 1), past, color=MUTED, linewidth=1.1, label="look-back")
    axes.plot(ahead, truth, color=INK, linewidth=1.5, label="truth")
    for name, array in reversed(list(drawn.items())):
        axes.plot(
            ahead, forecasts[array][window, :, target], label=name, **{**look(name, len(ahead)), "markersize": 3}
        )  # fmt: skip
    axes.axvline(0.5, color=MUTED, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))


def horizon_blocks(found: PipelineFiles) -> list[Block]:
    """Error curves over the steps of the horizon."""
    table = found.by_horizon
    if table is None or table.empty or not (metrics := [name for name in ("mse", "mae") if name in table]):
        return []
    caption = (
        "Test error of each step of the horizon, the mean over all windows and targets (standardised); the random "
        "architectures are the thin grey lines."
    )
    blocks: list[Block] = [panels(horizon_figure(table, metrics), caption)]
    return [*blocks, *map(Text, _by_parts(table, metrics[0]))]


@styled
def horizon_figure(table: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """A panel a metric, a line a network, from columns name, step and the metrics."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.7), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    order = sorted(dict.fromkeys(table["name"]), key=lambda name: (not name.startswith("random"), name == SEARCHED))
    for axes, metric in zip(panels, metrics):
        for name in order:
            own = table[table["name"] == name].sort_values("step")
            told = "random architectures" if is_random(name) else label(name)
            axes.plot(own["step"], finite(own[metric]), label=told, **look(name, len(own)))
        axes.set(xlabel="step of the horizon", ylabel=f"{metric.upper()} (standardised)")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    unique = dict(zip(*reversed(panels[0].get_legend_handles_labels())))
    figure.legend(unique.values(), unique, loc="outside lower center", ncols=3)
    return figure


def _by_parts(table: pd.DataFrame, metric: str) -> list[str]:
    """Where along the horizon the searched model beats DLinear, in words."""
    wide = table.pivot_table(index="step", columns="name", values=metric)
    reference = next((name for name in wide if label(name) == "DLinear"), None)
    if SEARCHED not in wide or reference is None:
        return []
    better = int((wide[SEARCHED] < wide[reference]).sum())
    return [f"The searched model has a lower {metric.upper()} than DLinear at {better} of {len(wide)} steps."]
