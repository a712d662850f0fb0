"""What the options of series may be, checked before any data is read."""

from collections.abc import Mapping

import pandas as pd
import torch

from darts_pl.data.series.epochs import FORMATS
from darts_pl.data.series.frequency import parse_frequency
from darts_pl.data.series.split import SPLITS
from darts_pl.errors import ConfigError, nearest

CHOICES = {
    "missing": ("refuse", "interpolate", "forward_fill"),
    "duplicates": ("refuse", "last", "mean"),
    "unsorted": ("refuse", "sort"),
    "gaps": ("refuse", "fill"),
    "split": SPLITS,
    "scaling": ("standard", "none"),
    "constant": ("refuse", "drop", "keep"),
    "alphas_block": ("last", "first"),
}


def check_choices(**found: str) -> None:
    """Raises ConfigError where an option has a value that is not among its `CHOICES`."""
    for name, value in found.items():
        if value not in CHOICES[name]:
            raise ConfigError(f"data.{name}={value!r} is unknown. {nearest(str(value), CHOICES[name])}")


def check_gaps(gaps: str, missing: str) -> None:
    """Raises ConfigError where rows are filled in and their values are not."""
    if gaps == "fill" and missing == "refuse":
        raise ConfigError(
            "data.gaps=fill inserts rows without values: give data.missing=interpolate or forward_fill too"
        )


def check_dates(split: str, val_start: str | None, test_start: str | None) -> None:
    """Raises ConfigError for dates of a cut that is not made by dates."""
    if split != "dates" and (val_start or test_start):
        raise ConfigError(f"data.val_start and data.test_start need data.split=dates; found data.split={split}")


def check_sizes(**found: int | None) -> None:
    """Raises ConfigError for a number of steps below 1; None is left to the data."""
    for name, size in found.items():
        if size is not None and size < 1:
            raise ConfigError(f"data.{name}={size}: expected at least 1")


def check_times(series: object, time_format: str | None, frequency: str | None) -> None:
    """Raises ConfigError for a choice of one series, a form of times or a frequency that cannot be."""
    if not isinstance(series, Mapping):
        raise ConfigError(f"data.series={series!r}: expected a column and a value, such as {{unique_id: A}}, or null")
    _check_time_format(time_format)
    if frequency is not None:
        parse_frequency(frequency)


def check_device(device: torch.device) -> None:
    """Raises ConfigError for a CUDA device where there is none."""
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"data.storage_device={device}: no such device here. Leave it out to use RAM")


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
