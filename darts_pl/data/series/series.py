"""From a table to a regular series of numbers: everything that can be wrong with one is told or mended here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.offsets import BaseOffset

from darts_pl.data.base import Source
from darts_pl.data.delimited import RawTable
from darts_pl.data.delimited.describe import log_columns
from darts_pl.data.series.columns import Roles, as_numbers, resolve_roles, without_missing
from darts_pl.data.series.grid import in_order, on_grid, one_row_a_time
from darts_pl.data.series.several import check_one_series, pick
from darts_pl.data.series.times import read_times, time_column
from darts_pl.errors import DataError

CONSTANT = 8 * np.finfo(np.float64).eps  # a range so small beside the values is rounding


@dataclass(frozen=True)
class Series:
    """A regular series without missing values.

    Attributes:
        name: of the source, for messages. times: of the rows, in steps of `offset`. roles: names of the columns.
        values: float64 [rows, columns], columns in the order of `roles.all`.
    """

    name: str
    times: pd.DatetimeIndex
    offset: BaseOffset
    roles: Roles
    values: npt.NDArray[np.float64]

    def columns(self, names: Sequence[str]) -> npt.NDArray[np.float64]:
        """Values [rows, len(names)] of some columns."""
        order = self.roles.all
        return self.values[:, [order.index(name) for name in names]]


def load_series(
    source: Source[RawTable],
    *,
    time: str | None = None,
    series: Mapping[str, Any] | None = None,
    time_format: str | None = None,
    timezone: str | None = None,
    frequency: str | None = None,
    targets: Sequence[str] | None = None,
    past_covariates: Sequence[str] = (),
    future_covariates: Sequence[str] = (),
    unsorted: str = "refuse",
    duplicates: str = "refuse",
    gaps: str = "refuse",
    missing: str = "refuse",
) -> Series:
    """The series of a table; the arguments are those of `SeriesData`.

    Raises:
        DataError, ConfigError: see `reading`, `several`, `times`, `columns` and `grid`.
    """
    raw = pick(source.load(), series or {})
    column = time_column(raw, time)
    times = read_times(raw, column, time_format, timezone)
    check_one_series(raw.frame, times, column, raw.name)
    roles = resolve_roles(raw, column, targets, past_covariates, future_covariates)
    unit = "\0" + raw.unit  # a column of places beside the numbers, of a name that no file's column has
    frame = as_numbers(raw, roles.all)
    log_columns(raw.name, frame, list(roles.all))
    place = raw.frame.index.to_numpy(np.float64)
    frame = frame.set_axis(times.rename(column), axis=0).assign(**{unit: place})
    frame = in_order(frame, unsorted, raw, unit)
    frame = one_row_a_time(frame, duplicates, raw, unit)
    frame, offset = on_grid(frame, frequency, gaps, raw.name, unit)
    frame = without_missing(frame, roles.all, missing, raw.name, unit)
    values = frame[list(roles.all)].to_numpy(np.float64)
    return Series(raw.name, pd.DatetimeIndex(frame.index), offset, roles, values)


def without_constants(series: Series, train_rows: int, rule: str) -> Series:
    """`series` where no column is constant over the training rows, by which it would be scaled.

    Args:
        rule: "refuse", "drop" the column, or "keep" it, shifted to 0 and not stretched.

    Raises:
        DataError: a constant column and "refuse"; no target left.
    """
    train = series.values[:train_rows]
    still = np.ptp(train, axis=0) <= CONSTANT * np.abs(train).max(axis=0)
    if rule == "keep" or not still.any():
        return series
    names = [name for name, constant in zip(series.roles.all, still) if constant]
    if rule == "refuse":
        raise DataError(
            f"{series.name}, column {names[0]!r} is {train[0, still][0]:g} in all {train_rows} training rows"
            f"{f' ({len(names)} such columns)' if len(names) > 1 else ''} and cannot be standardised. "
            "data.constant=drop leaves it out, keep takes it unstretched"
        )
    kept = {role: tuple(n for n in columns if n not in names) for role, columns in series.roles.by_name().items()}
    if not kept["targets"]:
        raise DataError(
            f"{series.name}: every target is constant over the {train_rows} training rows; nothing to forecast"
        )
    return replace(series, roles=Roles(**kept), values=series.values[:, ~still])
