"""The final table of a pipeline and what it says: whether the searched model beat its baselines."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from darts_pl.reports import tables
from darts_pl.reports.page import Block, Table, Text
from darts_pl.reports.pipeline_files import PipelineFiles
from darts_pl.reports.pipeline_names import (
    METRICS,
    RANDOM_MEAN,
    SEARCHED,
    error_text,
    is_random,
    number,
    signed_percent,
    with_random_mean,
)

HEADINGS = {
    "test_mse": "MSE",
    "test_mae": "MAE",
    "test_mase": "MASE",
    "test_mse_original": "MSE, original scale",
    "test_mae_original": "MAE, original scale",
    "val_mse": "validation MSE",
}
FEWEST_RANDOM = 3  # fewer random architectures give no spread to compare a difference with
CAPTION = (
    "Test errors, each measured once, after training; the search, the choice among candidates and the early stopping "
    "saw the validation split alone. MSE and MAE are of standardised series (by the training rows), MASE and what says "
    "so of the original scale. A star marks the lowest of a column, bold the lowest test MSE."
)


def result_blocks(found: PipelineFiles) -> list[Block]:
    """The table of all networks, then the verdict in sentences."""
    rows = with_random_mean(found.run.results.get("rows") or [])
    if not rows:
        return []
    notes = [Text(str(note)) for note in found.run.results.get("notes") or []]
    return [*map(Text, verdict(rows)), result_table(rows), *notes]


def result_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Errors, size and time of each network; the mean of the random architectures takes part in no ranking."""
    frame = pd.DataFrame({"network": [row["name"].replace(" ", "\u00a0") for row in rows]})
    for key in METRICS:
        values = [number(row, key) for row in rows]
        if not all(map(math.isnan, values)):
            frame[HEADINGS[key]] = _mark_lowest(rows, values)
    reference = next((number(row, "test_mse") for row in rows if row["name"] == "DLinear"), math.nan)
    if not math.isnan(reference) and reference != 0:
        differences = [number(row, "test_mse") / reference - 1 for row in rows]
        frame.insert(
            2, "MSE against DLinear", [tables.format_value(value or math.nan, signed_percent) for value in differences]
        )
    frame["parameters"] = [tables.format_value(number(row, "parameters"), tables.format_count) for row in rows]
    frame["training time"] = [tables.format_value(number(row, "seconds"), tables.format_duration) for row in rows]
    best = _lowest(rows, "test_mse")
    return tables.table_block(frame, dict.fromkeys(frame.columns[1:], str), CAPTION, best)


def _mark_lowest(rows: Sequence[Mapping[str, Any]], values: Sequence[float]) -> list[str]:
    ranked = [value for row, value in zip(rows, values) if row["name"] != RANDOM_MEAN and not math.isnan(value)]
    lowest = min(ranked, default=math.nan)
    marks = ["★ " if value == lowest and row["name"] != RANDOM_MEAN else "" for row, value in zip(rows, values)]
    return [mark + tables.format_value(value, error_text) for mark, value in zip(marks, values)]


def _lowest(rows: Sequence[Mapping[str, Any]], key: str) -> int | None:
    """The place of the network with the lowest `key`."""
    places = [i for i, row in enumerate(rows) if row["name"] != RANDOM_MEAN and not math.isnan(number(row, key))]
    return min(places, key=lambda place: number(rows[place], key), default=None)


def verdict(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences: searched against DLinear, against the mean of the random architectures, against everything else.

    Args:
        rows: from `with_random_mean`.
    """
    errors = {row["name"]: number(row, "test_mse") for row in rows}
    own = errors.get(SEARCHED, math.nan)
    if math.isnan(own):
        return ["The searched model has no test error: nothing can be said about whether the search paid."]
    sentences = [_compare(own, errors.get("DLinear", math.nan), "DLinear")]
    drawn = pd.Series([errors[row["name"]] for row in rows if is_random(row["name"])], dtype=float).dropna()
    sentences.append(_compare(own, errors.get(RANDOM_MEAN, math.nan), _mean_of(len(drawn))))
    if len(drawn):
        beaten = int((drawn > own).sum())
        spread = f", whose standard deviation is {drawn.std(ddof=1):.2g}" if len(drawn) >= FEWEST_RANDOM else ""
        sentences.append(f"It is better than {beaten} of the {len(drawn)} random architectures{spread}.")
    better = [f"{name} ({error_text(value)})" for name, value in errors.items() if value < own]
    if better := [text for text in better if not text.startswith(RANDOM_MEAN)]:
        sentences.append(f"Lower test MSE than the searched model: {', '.join(better)}.")
    sentences.append("This is one seed; a comparison over seeds needs a sweep of at least three.")
    return [" ".join(sentences)]


def _mean_of(count: int) -> str:
    return f"the mean of {count} random architectures" if count > 1 else "the random architecture"


def _compare(own: float, other: float, name: str) -> str:
    """One comparison in words; lower is better."""
    if math.isnan(other):
        return f"{name[0].upper()}{name[1:]} is missing from this run, so the comparison with it is not made."
    numbers = f"{error_text(own)} against {error_text(other)}"
    numbers += f", {signed_percent(own / other - 1)}" if other else ""
    if own < other:
        return f"The searched model beat {name}: test MSE {numbers}."
    return f"The searched model did not beat {name}: test MSE {numbers}."
