"""Which columns play which part, their values as numbers, and what is done where one is missing."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from darts_pl.data.delimited import RawTable
from darts_pl.data.delimited.columns import column_texts, is_text, number_column
from darts_pl.data.series.magnitude import check_standardisable, check_whole
from darts_pl.errors import ConfigError, DataError, nearest

log = logging.getLogger(__name__)
OTHERWISE = "where it holds something else, leave it out of data.targets and the covariates"


@dataclass(frozen=True)
class Roles:
    """Names of the columns that are forecast, that are known up to now, and that are known over the horizon too."""

    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every column in use, targets first."""
        return self.targets + self.past + self.future

    def by_name(self) -> dict[str, tuple[str, ...]]:
        """The columns of "targets", "past" and "future"."""
        return {"targets": self.targets, "past": self.past, "future": self.future}


def resolve_roles(
    raw: RawTable,
    time: str,
    targets: Sequence[str] | None,
    past_covariates: Sequence[str],
    future_covariates: Sequence[str],
) -> Roles:
    """The columns by role; a single name may stand for a list of one.

    Where `targets` is None they are all further columns, but for those that hold no number at all, which a warning
    names.

    Raises:
        ConfigError: a column that is not there, stands in two roles, or is the time column.
        DataError: no targets.
    """
    given = {
        "targets": _names(targets),
        "past_covariates": _names(past_covariates),
        "future_covariates": _names(future_covariates),
    }
    columns = [name for name in raw.frame.columns if name != time]
    seen: dict[str, str] = {}
    for role, names in given.items():
        for name in names:
            if name == time:
                raise ConfigError(f"data.{role}: {name!r} is the time column; its features come from data.calendar")
            if name not in columns:
                raise ConfigError(f"data.{role}: {name!r} is no column of {raw.name}. {nearest(name, columns)}")
            if name in seen:
                raise ConfigError(f"data.{role}: {name!r} stands in data.{seen[name]} already; expected one place")
            seen[name] = role
    if targets is None:
        given["targets"] = tuple(name for name in columns if name not in seen and _holds_numbers(raw, name))
    if not given["targets"]:
        raise DataError(f"{raw.name}: no column to forecast is left. Columns beside the times: {', '.join(columns)}")
    return Roles(given["targets"], given["past_covariates"], given["future_covariates"])


def as_numbers(raw: RawTable, names: Sequence[str]) -> pd.DataFrame:
    """float64 columns `names`, NaN where a value is missing.

    Raises:
        DataError: text, times, an infinite value or one too large in a column, with its place.
    """
    return pd.DataFrame({name: _numbers(raw, name) for name in names}, index=raw.frame.index)


def without_missing(frame: pd.DataFrame, names: Sequence[str], rule: str, where: str, unit: str) -> pd.DataFrame:
    """`frame` (index: times on a grid; column `unit`: places, its name behind a NUL) with all values of `names` there.

    Args:
        rule: "refuse"; "interpolate", linear between the values on both sides, so that a value just before a cut of the
            data may see past it; "forward_fill", the value before, which looks at the past alone.

    Raises:
        DataError: a missing value that the rule does not mend.
    """
    values = frame[list(names)]
    if rule == "interpolate":
        values = values.interpolate(method="linear", limit_area="inside")
    elif rule == "forward_fill":
        values = values.ffill()
    absent = values.isna()
    for name in names:
        if absent[name].any():
            _refuse_missing(absent[name], rule, frame[unit], f"{where}, column {name!r}", unit)
    return frame.assign(**{name: values[name] for name in names})


def _refuse_missing(absent: pd.Series, rule: str, places: pd.Series, where: str, unit: str) -> None:
    at = int(absent.to_numpy().argmax())
    place = "" if np.isnan(places.iloc[at]) else f"{unit[1:]} {places.iloc[at]:.0f}, "
    count = int(absent.sum())
    remedy = "data.missing=interpolate or data.missing=forward_fill fills it in"
    if count == len(absent):
        remedy = "Every value of the column is missing: leave it out"
    elif rule != "refuse":
        remedy = f"data.missing={rule} has no value {'before it' if at == 0 else 'after it'}: leave out those rows"
        remedy += "" if at == 0 or rule == "forward_fill" else ", or choose data.missing=forward_fill"
    raise DataError(f"{where}, {place}{absent.index[at]}: a value is missing ({count} of {len(absent)}). {remedy}")


def _names(given: Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def _holds_numbers(raw: RawTable, name: str) -> bool:
    column = raw.frame[name]
    if pd.api.types.is_numeric_dtype(column):
        return True
    if is_text(column):
        words = column_texts(raw, name)
        if words.any_number or words.seem_numbers:
            return True  # text among numbers, and numbers of another notation, are refused later, not left out
    log.warning("%s: column %r holds no numbers and is left out; data.targets chooses columns.", raw.name, name)
    return False


def _numbers(raw: RawTable, name: str) -> np.ndarray:
    column = raw.frame[name]
    where = f"{raw.name}, column {name!r}"
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        raise DataError(f"{where}: found times, expected numbers")
    numbers = number_column(raw, name, OTHERWISE).to_numpy(np.float64, na_value=np.nan)
    if (infinite := np.isinf(numbers)).any():
        at = int(infinite.argmax())
        raise DataError(
            f"{where}, {raw.place(at)}: found {numbers[at]}, expected a finite number. Leave the cell empty where the "
            "value is missing; data.missing then says what to do"
        )
    check_standardisable(numbers, where, raw.place)
    check_whole(column, numbers, where)
    return numbers
