"""What the options of series may be, checked before any data is read."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from darts_pl.data.series.calendar import calendar_names
from darts_pl.data.series.epochs import FORMATS
from darts_pl.data.series.frequency import parse_frequency
from darts_pl.data.series.split import SPLITS
from darts_pl.errors import ConfigError, nearest

MENDING = {
    "missing": ("refuse", "interpolate", "forward_fill"),
    "duplicates": ("refuse", "last", "mean"),
    "unsorted": ("refuse", "sort"),
    "gaps": ("refuse", "fill"),
}
CHOICES = {
    "split": SPLITS,
    "scaling": ("standard", "none"),
    "constant": ("refuse", "drop", "keep"),
    "purpose": ("search", "retrain"),
    "alphas_block": ("last", "first"),
}
LEAST_ONE = ("look_back", "horizon", "batch_size", "eval_batch_size", "eval_stride")


def check_options(data: Any) -> None:
    """Check the attributes of a `SeriesData` that are choices or sizes, and its rules for mending.

    Raises:
        ConfigError: a value out of range, with its key and the nearest valid one; rules that contradict each other.
    """
    if not callable(getattr(data.source, "load", None)):
        raise ConfigError(f"source={data.source!r} has no load(); expected TableFile, TableFrame or the like")
    for name, choices in {**MENDING, **CHOICES}.items():
        value = data.mending[name] if name in MENDING else getattr(data, name)
        if value not in choices:
            raise ConfigError(f"data.{name}={value!r} is unknown. {nearest(str(value), choices)}")
    for name in LEAST_ONE:
        if getattr(data, name) < 1:
            raise ConfigError(f"data.{name}={getattr(data, name)}: expected at least 1")
    for name, value in (("limit_train", data.limit_train), ("seasonal_period", data.given_period)):
        if value is not None and value < 1:
            raise ConfigError(f"data.{name}={value}: expected at least 1, or null")
    if not 0 < data.weights_fraction < 1:
        raise ConfigError(f"data.weights_fraction={data.weights_fraction}: expected a share above 0 and below 1")
    if data.split != "dates" and (data.val_start or data.test_start):
        raise ConfigError(f"data.val_start and data.test_start need data.split=dates; found data.split={data.split}")
    if data.mending["gaps"] == "fill" and data.mending["missing"] == "refuse":
        raise ConfigError(
            "data.gaps=fill inserts rows without values: give data.missing=interpolate or forward_fill too"
        )
    calendar_names(data.calendar, "year")
    if not isinstance(series := data.columns["series"], Mapping):
        raise ConfigError(f"data.series={series!r}: expected a column and a value, such as {{unique_id: A}}, or null")
    _check_time_format(data.columns["time_format"])
    if data.columns["frequency"] is not None:
        parse_frequency(data.columns["frequency"])
    if data.storage_device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"data.storage_device={data.storage_device}: no such device here. Leave it out to use RAM")


def _check_time_format(given: str | None) -> None:
    if given is None or given in (*FORMATS, "ISO8601"):
        return
    if "%" not in given:
        raise ConfigError(
            f"data.time_format={given!r} is unknown: expected one of {', '.join(FORMATS)}, or a pattern such as "
            f"'%d/%m/%Y %H:%M'. {nearest(given, FORMATS)}"
        )
    try:
        pd.to_datetime(pd.Series([""]), format=given, errors="coerce")
    except ValueError as error:
        raise ConfigError(f"data.time_format={given!r} is no pattern of datetime.strptime: {error}") from error
