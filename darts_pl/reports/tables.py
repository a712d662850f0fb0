"""Tables of a page: numbers written for readers, and data frames turned into blocks."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from darts_pl.metric_names import format_name, further_metrics, is_accuracy
from darts_pl.reports.page import Table

NOTHING = "–"
Form = Callable[[float], str]  # how a number is written


def format_percent(fraction: float) -> str:
    """An accuracy between 0 and 1 as per cent: 0.9139 is "91.39 %"."""
    return f"{100 * fraction:.2f} %"


def format_duration(seconds: float) -> str:
    """Seconds in the two largest units that matter: 4210 is "1 h 10 min"."""
    if math.isinf(seconds):
        return format_value(float(seconds))
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def format_count(number: float) -> str:
    """A count with separators for thousands: "3,169,414"."""
    return f"{number:,.0f}"


def format_number(number: float) -> str:
    """Four significant digits: "0.02437"."""
    return f"{number:.4g}"


def format_value(value: Any, form: Form | None = None) -> str:
    """`value` as text, numbers by `form`; a dash for what is absent or NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return form(value) if form and number else str(value)


def table_block(
    frame: pd.DataFrame,
    forms: Mapping[str, Form] | None = None,
    caption: str = "",
    strong: int | None = None,
) -> Table:
    """A data frame as a block: `forms` writes the columns it names, other numbers get `format_number`."""
    forms = forms or {}
    numeric = [name in forms or is_numeric_dtype(frame[name]) for name in frame.columns]
    chosen = [forms.get(name, format_number if number else None) for name, number in zip(frame.columns, numeric)]
    rows = [[format_value(value, form) for value, form in zip(row, chosen)] for row in frame.itertuples(index=False)]
    return Table([str(name) for name in frame.columns], rows, numeric, caption, strong)


def result_table(rows: Sequence[Mapping[str, Any]], monitor: str = "acc") -> Table:
    """The results of a run: name, the metric `monitor` and further ones of the test, parameters, training time; the
    run's own network in bold."""
    metrics = [monitor, *further_metrics((key for row in rows for key in row), "test_", monitor)]
    titles = {metric: format_name(metric) for metric in metrics} | {monitor: f"test {format_name(monitor)}"}
    frame = pd.DataFrame(
        {
            "network": [str(row.get("name", NOTHING)) for row in rows],
            **{title: [row.get(f"test_{metric}") for row in rows] for metric, title in titles.items()},
            "parameters": [row.get("parameters") for row in rows],
            "training time": [row.get("seconds") for row in rows],
        }
    )
    strong = next((place for place, row in enumerate(rows) if row.get("name") in ("searched", "retrained")), None)
    forms: dict[str, Form] = {
        title: format_percent if is_accuracy(metric) else format_number for metric, title in titles.items()
    }
    forms |= {"parameters": format_count, "training time": format_duration}
    caption = "Test accuracy is measured once, after training; the test data play no part in the search."
    if monitor != "acc":
        caption = "The test data are used once, after training; they play no part in the search."
    return table_block(frame, forms, caption if len(rows) > 1 else "", strong)


def memory_name(device: object) -> str:
    """What the peak of memory is that a run on `device` (the manifest's words) records: on a CPU the process's own."""
    return "process peak memory" if str(device).startswith(("cpu", "mps")) else "peak memory"


def stage_table(stages: Mapping[str, Mapping[str, Any]], device: object) -> Table:
    """Time and peak memory of each stage in the manifest, in the order in which they began."""
    memory = memory_name(device)
    frame = pd.DataFrame(
        {
            "stage": list(stages),
            "status": [str(entry.get("status", NOTHING)) for entry in stages.values()],
            "time": [entry.get("seconds") for entry in stages.values()],
            f"{memory}, MiB": [entry.get("peak_memory_mib") for entry in stages.values()],
        }
    )
    of_process = "The most that the process had held by the end of the stage; only a new process starts lower."
    of_stage = "Peak memory is the most that tensors held on the GPU during the stage."
    caption = of_process if memory.startswith("process") else of_stage
    return table_block(frame, {"time": format_duration, f"{memory}, MiB": format_count}, caption)


def timing_table(timing: pd.DataFrame, device: object, samples: str = "images") -> Table:
    """Totals of the timing of all epochs, then the slowest and the fastest epoch by seconds a step; `samples` is what
    the data are made of."""
    memory = f"{memory_name(device)}, MiB"
    rows = [("all epochs", _timing_row(timing))]
    if len(timing) > 1 and "seconds_per_step" in timing:
        order = timing.sort_values("seconds_per_step")
        for name, place in (("fastest", 0), ("slowest", -1)):
            epoch = order.iloc[[place]]
            rows.append((f"{name}, epoch {int(epoch['epoch'].iloc[0])}", _timing_row(epoch)))
    frame = pd.DataFrame([{"": name, **values} for name, values in rows])
    frame = frame.rename(columns={"memory": memory, "samples/s": f"{samples}/s"})
    forms = {
        "time": format_duration,
        "steps": format_count,
        "seconds a step": format_number,
        f"{samples}/s": format_number,
        memory: format_count,
    }
    return table_block(frame, {name: form for name, form in forms.items() if name in frame})


def _timing_row(timing: pd.DataFrame) -> dict[str, float]:
    """Sums of time and steps, means of rates, the highest memory; columns that are absent are left out."""
    row = {}
    if "seconds" in timing:
        row["time"] = float(timing["seconds"].sum())
    if "steps" in timing:
        row["steps"] = int(timing["steps"].sum())
    if (step := seconds_per_step(timing)) is not None:
        row["seconds a step"] = step
    if "samples_per_s" in timing:
        row["samples/s"] = float(timing["samples_per_s"].mean())
    if "peak_memory_mib" in timing:
        row["memory"] = float(timing["peak_memory_mib"].max())
    return row


def seconds_per_step(timing: pd.DataFrame | None) -> float | None:
    """The mean over all steps, so that long epochs count for more; None where the table does not say."""
    if timing is None or timing.empty:
        return None
    if "seconds_per_step" in timing:
        steps = timing["steps"] if "steps" in timing else pd.Series(1, index=timing.index)
        return float((timing["seconds_per_step"] * steps).sum() / steps.sum()) if steps.sum() else None
    if {"seconds", "steps"} <= set(timing) and timing["steps"].sum() > 0:
        return float(timing["seconds"].sum() / timing["steps"].sum())
    return None


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of texts as they are."""
    return Table(columns, rows, [False] * len(columns))
