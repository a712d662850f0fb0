"""Where the time of a pipeline went: seconds, memory, occupancy and measured speed-up by phase; training curves."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from darts_pl.reports import tables
from darts_pl.reports.curves import finite, has_any
from darts_pl.reports.page import Block, Text, panels, picture
from darts_pl.reports.pipeline_files import PipelineFiles
from darts_pl.reports.pipeline_names import SEARCHED, is_random, label, look
from darts_pl.reports.sections import timing_blocks
from darts_pl.reports.style import INK, PAGE_WIDTH, SERIES, styled

HEADINGS = {
    "phase": "phase",
    "seconds": "time",
    "share": "share",
    "peak_memory_mib": "peak memory, MiB",
    "workers": "workers",
    "busy_s": "busy",
    "occupancy": "occupancy",
    "speedup": "speed-up",
}
CAPTION = (
    "Busy is the time that all workers together spent on candidates; occupancy is that by workers times the phase's "
    "time. The speed-up was measured, by running the same work with one worker and with all; a dash means not measured."
)


def stats_blocks(found: PipelineFiles) -> list[Block]:
    """The table of phases and its bars; the stages of the manifest where the run collected no statistics."""
    if found.stats is None or found.stats.empty:
        stages = timing_blocks(found.run)
        return (
            [Text("The run collected no statistics by phase; the manifest has the stages."), *stages] if stages else []
        )
    table = found.stats.copy()
    if "seconds" not in table:
        return [tables.table_block(table)]
    table["share"] = table["seconds"] / table["seconds"].sum()
    shown = table[[name for name in HEADINGS if name in table]].dropna(axis=1, how="all").rename(columns=HEADINGS)
    forms = {
        "time": tables.format_duration, "share": lambda v: f"{v:.0%}", "peak memory, MiB": tables.format_count,
        "workers": tables.format_count, "busy": tables.format_duration, "occupancy": lambda v: f"{v:.0%}",
        "speed-up": lambda v: f"{v:.2f} ×",
    }  # fmt: skip
    block = tables.table_block(shown, {name: form for name, form in forms.items() if name in shown}, CAPTION)
    return [Text(_speedup(table)), block, picture(stats_figure(table), "Time by phase.")]


def _speedup(table: pd.DataFrame) -> str:
    measured = table[table["speedup"].notna()] if "speedup" in table else table.iloc[:0]
    total = f"The phases took {tables.format_duration(float(table['seconds'].sum()))} together."
    if measured.empty:
        return f"{total} No speed-up by workers was measured in this run."
    told = [f"{row['speedup']:.2f} with {_workers(row)} in {row['phase']}" for row in measured.to_dict("records")]
    return f"{total} Measured speed-up: {', '.join(told)}."


def _workers(row: Mapping[str, Any]) -> str:
    workers = row.get("workers")
    return f"{workers:.0f} workers" if pd.notna(workers) else "several workers"


@styled
def stats_figure(table: pd.DataFrame) -> Figure:
    """Seconds of each phase as bars."""
    figure = Figure(figsize=(PAGE_WIDTH, 0.7 + 0.32 * len(table)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    drawn = finite(table["seconds"])
    axes.barh(range(len(table)), drawn, height=0.62, color=SERIES[0])
    for place, seconds in enumerate(table["seconds"]):
        axes.text(seconds, place, f" {tables.format_value(seconds, tables.format_duration)}", va="center", size=9)
    axes.set_yticks(range(len(table)), table["phase"])
    axes.invert_yaxis()
    axes.set(xlabel="seconds", xlim=(0, 1.15 * max(float(drawn.fillna(0).max()), 1e-9)))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    return figure


def training_blocks(found: PipelineFiles) -> list[Block]:
    """Training and validation error of the networks trained from fresh weights."""
    histories = {n: h for n, h in found.trainings.items() if has_any(h, ["val_mse", "train_mse"])}
    if not histories:
        return []
    caption = (
        "Left the error in training, right that in validation after each epoch, of the networks of the final table, "
        "whatever loss each was trained with. Where the right side rises while the left one falls, a network overfits."
    )
    return [panels(training_figure(histories), caption)]


@styled
def training_figure(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """MSE in training and in validation by epoch, a colour a network."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.5), layout="constrained", facecolor="white")
    panels = figure.subplots(1, 2, sharey=True)
    order = sorted(histories, key=lambda name: (not is_random(name), name == SEARCHED))
    for axes, column, title in zip(panels, ("train_mse", "val_mse"), ("Training", "Validation")):
        for name in order:
            history = histories[name]
            if has_any(history, [column]):
                told = "random architectures" if is_random(name) else label(name)
                axes.plot(history["epoch"], finite(history[column]), label=told, **look(name, len(history)))
        axes.set(title=title, xlabel="epoch")
        axes.tick_params(labelleft=True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel("MSE (standardised)")
    labelled = max(panels, key=lambda axes: len(axes.get_lines()))
    unique = dict(zip(*reversed(labelled.get_legend_handles_labels())))
    figure.legend(unique.values(), unique, loc="outside lower center", ncols=3)
    return figure
