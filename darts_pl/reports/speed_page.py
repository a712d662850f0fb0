"""What a benchmark of speed leaves behind: its figures as JSON, a table in Markdown, a page."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from darts_pl.paths import write_text_atomically
from darts_pl.reports import tables
from darts_pl.reports.boundary import Part, filled_sections
from darts_pl.reports.page import Page, Text, draw, save
from darts_pl.reports.speed_figure import speed_figure

Row = Mapping[str, Any]


def _decimals(count: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{count}f}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


COLUMNS: dict[str, tuple[str, tables.Form]] = {  # of a row: what a reader sees instead, and how it is written
    "engine": ("engine", str),
    "mixing": ("mixing", str),
    "recompute": ("recomputes", str),
    "order": ("step", str),
    "batch": ("batch", tables.format_count),
    "threads": ("threads", tables.format_count),
    "cpu_s": ("CPU, s", tables.format_number),
    "wall_s": ("wall, s", tables.format_number),
    "images_per_s": ("images/s", tables.format_number),
    "ratio": ("times faster", _decimals(2)),
    "range": ("from to", str),
    "of_full": ("of full mixing", _share),
    "saved_mib_per_image": ("kept, MiB an image", _decimals(1)),
    "peak_mib_per_image": ("peak, MiB an image", _decimals(1)),
    "calls": ("calls", tables.format_count),
    "of_peak_rate": ("of peak rate", _share),
    "of_roofline": ("of roofline", _share),
}
OPTIONAL = {"mixing": "full", "of_full": None, "recompute": False}  # left out where all rows have this


def readable(rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as texts under readable names."""
    shown = {}
    for key, (title, form) in COLUMNS.items():
        if key not in OPTIONAL or any(row[key] != OPTIONAL[key] for row in rows):
            shown[title] = [_text(row, key, form) for row in rows]
    return pd.DataFrame(shown)


def _text(row: Row, key: str, form: tables.Form) -> str:
    if key == "range":
        return _range(row)
    if key == "recompute":
        return "yes" if row[key] else "no"
    return tables.format_value(row[key], form)


def _range(row: Row) -> str:
    if row["ratio"] is None or row["rounds"] == 1:
        return tables.NOTHING
    return f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}"


def speed_markdown(rows: Sequence[Row], facts: Sequence[tuple[str, str]], notices: Sequence[str]) -> str:
    """The machine, the table and what is missing, in Markdown."""
    frame = readable(rows)
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    table = ["| " + " | ".join(line) + " |" for line in lines]
    said = [f"{name}: {value}" for name, value in facts]
    return "\n".join(["; ".join(said) + ".", "", *table, "", *notices, READING, ""])


def machine_facts(machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a table of seconds has to be read with."""
    rates = [
        f"{each['gflops']:.0f} GFLOP/s and {each['gib_per_s']:.0f} GiB/s on {count}"
        for count, each in machine["limits"].items()
    ]
    return [
        ("processor", f"{machine['processor']}, {machine['vectors']}, {machine['cores']} cores"),
        ("torch", machine["torch"]),
        ("date", machine["date"][:10]),
        ("commit", machine["commit"] or f"version {machine['version']}"),
        ("reaches (threads)", ", ".join(rates)),
    ]


def write_speed(
    folder: Path,
    machine: Mapping[str, Any],
    rows: Sequence[Row],
    facts: Sequence[tuple[str, str]],
    notices: Sequence[str],
) -> str:
    """Write speed.json, speed.md and report.html to `folder`; returns the table in Markdown."""
    content = {"machine": machine, "rows": list(rows)}
    write_text_atomically(folder / "speed.json", json.dumps(content, indent=2, allow_nan=False) + "\n")
    every = [*machine_facts(machine), *facts]
    text = speed_markdown(rows, every, notices)
    write_text_atomically(folder / "speed.md", text)
    left_out: list[str] = []
    numeric = [title for key, (title, form) in COLUMNS.items() if form is not str]
    compared = [row for row in rows if row["ratio"] is not None]
    parts: list[Part] = [
        ("Times faster", lambda: [draw(speed_figure(compared), CAPTION).block] if compared else []),
        ("Steps", lambda: [_flush_right(readable(rows), numeric), Text(READING)] if rows else []),
    ]
    sections = filled_sections(parts, left_out)
    status = "unfinished" if notices else "complete"
    save(Page("Speed", status, every, sections, [*notices, *left_out]), folder / "report.html")
    return text


def _flush_right(frame: pd.DataFrame, numeric: Sequence[str]) -> tables.Table:
    block = tables.table_block(frame)
    return tables.Table(block.columns, block.rows, [name in numeric for name in block.columns])


CAPTION = "A bar is the median over rounds, its whiskers the lowest and the highest; dashed: the reference."
READING = (
    "A search step updates the alphas on one batch, by a first-order or (finite differences) second-order gradient, "
    "and the weights on another; a retraining step has the auxiliary head. Seconds are medians over rounds in which "
    "all engines took turns. Times faster: the reference's time over this one's in the same round, CPU time on one "
    "thread, wall time on more; median, lowest and highest. Images a second are of one of the two batches. Kept: by "
    "the graph of the training loss; peak: what a step adds to the resident size of a process of its own. Calls: "
    "those that PyTorch sees in a step, views aside. Of peak rate: the seconds that the convolutions and matrix "
    "products of the reference would take at the rate of a product of large matrices here, as a share of those "
    "measured. Of roofline: the same, or the seconds in which a copy would move the bytes that go in and out of the "
    "calls, whichever are more; above 100 % where tensors stay in the caches, and of kernels of one's own only what "
    "goes in and out is known."
)
