"""How the pages of a pipeline name and colour networks, and what "random" is over several of them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from darts_pl.reports.style import MARKERS, MUTED, SERIES, line_look

SEARCHED, RANDOM_MEAN = "searched", "random, mean"
LABELS = {
    "dlinear": "DLinear",
    "nlinear": "NLinear",
    "naive": "last value",
    "last_value": "last value",
    "seasonal_naive": "seasonal naive",
}
PLACES: Mapping[str, int] = {SEARCHED: 0, "DLinear": 1, "NLinear": 4, "seasonal naive": 3, "last value": 5}
RANDOM = re.compile(r"random[ _]architecture[ _]?\d*|random[ _]\d+|random")
RANDOM_COLOUR = "#98a1ad"  # as pale as the operation "none": several of them must not hide the others
METRICS = ("test_mse", "test_mae", "test_mase", "test_mse_original", "test_mae_original", "val_mse")


def error_text(value: float) -> str:
    """An error with four decimals, as tables of forecasting print it; large ones with four significant digits."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"


def signed_percent(fraction: float) -> str:
    """A relative difference: -0.0288 is "−2.9 %"."""
    return f"{100 * fraction:+.1f} %".replace("-", "−")


def label(name: str) -> str:
    """A network's name as readers know it: "dlinear" becomes "DLinear"."""
    return LABELS.get(name, name.replace("_", " "))


def is_random(name: str) -> bool:
    """Whether `name` is one random architecture (not the mean of several)."""
    return RANDOM.fullmatch(name) is not None


def colour(name: str) -> str:
    """The colour of a network, the same in every picture; all random architectures share one."""
    if name.startswith("random"):
        return RANDOM_COLOUR
    place = PLACES.get(label(name))
    return MUTED if place is None else SERIES[place]


def look(name: str, points: int) -> dict[str, Any]:
    """The arguments for `Axes.plot` of a network's line, the same in every picture."""
    place = PLACES.get(label(name), 2)
    told = {**line_look(place, points, colour(name)), "linewidth": 2.4 if name == SEARCHED else 1.5}
    if name.startswith("random"):  # the many are thin and bare: they must not hide the others
        return {**told, "linestyle": "-", "marker": MARKERS[0] if points < 4 else None, "linewidth": 1.0}
    return {**told, "linestyle": "-"} if name == SEARCHED else told


def number(row: Mapping[str, Any], key: str) -> float:
    """A number of a result row; NaN where it has none."""
    value = row.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def with_random_mean(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Result rows under readable names; the random architectures stand together and their mean follows them."""
    named = [{**row, "name": str(row.get("name", "?"))} for row in rows]
    drawn = [row for row in named if is_random(row["name"])]
    others = [row for row in named if not row["name"].startswith("random")]
    head = [row for row in others if row["name"] == SEARCHED]
    tail = [{**row, "name": label(row["name"])} for row in others if row["name"] != SEARCHED]
    if not drawn:
        told = [row for row in named if row["name"].startswith("random")]
        return [*head, *({**row, "name": RANDOM_MEAN} for row in told[:1]), *tail]
    keys = (*METRICS, "parameters", "seconds")
    mean = {key: float(np.mean([number(row, key) for row in drawn])) for key in keys}
    return [*head, *drawn, {**mean, "name": RANDOM_MEAN}, *tail]
