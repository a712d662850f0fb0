"""Times counted since 1970 UTC in seconds, milliseconds, microseconds or nanoseconds, and which of these they are."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from darts_pl.data.delimited import RawTable
from darts_pl.errors import DataError

Counts = npt.NDArray[np.int64] | npt.NDArray[np.float64]

FORMATS = {"unix": "s", "unix_s": "s", "unix_ms": "ms", "unix_us": "us", "unix_ns": "ns"}
UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
A_YEAR = 365.2425 * 24 * 3600  # seconds
FIRST_YEAR, LAST_YEAR = 1678, 2200  # nanoseconds in 64 bits go back to 1677


def read_counts(raw: RawTable, column: str, time_format: str) -> pd.DatetimeIndex:
    """The times, in UTC, of a column of numbers that `time_format`, one of `FORMATS`, says the unit of.

    Raises:
        DataError: a text, a time out of `FIRST_YEAR` to `LAST_YEAR`, numbers of another unit or of several, each with
            its place and the format that reads it.
    """
    unit, counts = FORMATS[time_format], as_counts(raw.frame[column])
    where = f"{raw.name}, column {column!r}"
    if (bad := ~np.isfinite(counts)).any():
        at = int(bad.argmax())
        raise DataError(
            f"{where}, {raw.place(at)}: found {str(raw.frame[column].iloc[at])[:60]!r}, expected the {UNITS[unit]} "
            f"since 1970 of data.time_format={time_format}"
        )
    _check_unit(raw, where, counts, unit)
    if counts.dtype == np.float64:  # microseconds are what its 53 bits tell apart in these years
        counts, unit = np.rint(counts * (A_SECOND["us"] / A_SECOND[unit])).astype(np.int64), "us"
    return pd.DatetimeIndex(pd.to_datetime(pd.Series(counts), unit=unit, utc=True))


def as_counts(values: pd.Series) -> Counts:
    """The numbers of a column: exact where all are whole, NaN where one is none."""
    if not pd.api.types.is_numeric_dtype(values):
        values = pd.to_numeric(values.astype(str).str.strip(), errors="coerce")
    if pd.api.types.is_signed_integer_dtype(values):
        return values.to_numpy(np.int64)
    return values.to_numpy(np.float64, na_value=np.nan)


def unit_of(counts: Counts) -> str | None:
    """The unit by which all of `counts` lie in the years 1971 to 2200: no two units do; None where none does."""
    units = set(_units(counts))
    return units.pop() if len(units) == 1 and None not in units else None


def span(counts: Counts, unit: str) -> str:
    """From when to when these are, for messages."""
    first, last = (pd.Timestamp(counts[at], unit=unit) for at in (counts.argmin(), counts.argmax()))
    return f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}"


def format_hint(counts: Counts) -> str:
    """A sentence on the format that reads numbers which stand for times; empty where none does."""
    if not len(counts) or not np.isfinite(counts).all():
        return ""
    if unit := unit_of(counts):
        return f"As {UNITS[unit]} since 1970 they are {span(counts, unit)}: data.time_format=unix_{unit}. "
    units = _units(counts)
    known = list(dict.fromkeys(units))
    if None in known:
        return ""
    found = (f"{counts[units.index(unit)]} {UNITS[unit]}" for unit in known if unit is not None)
    return f"They count since 1970 in several units ({', '.join(found)}); expected one. "


def check_years(stamps: pd.DatetimeIndex, where: str, place: Callable[[int], str], made: bool) -> None:
    """Check that times are those of a series and no sentinels.

    Args:
        where, place: of the column and of its rows, for messages. made: somebody made them in Python, of numbers
            perhaps.

    Raises:
        DataError: a time before `FIRST_YEAR` or after `LAST_YEAR`; times of 1970 that were made of numbers in another
            unit.
    """
    years = np.asarray(stamps.year)
    if (wrong := (years < FIRST_YEAR) | (years > LAST_YEAR)).any():
        at, seconds = int(wrong.argmax()), _since_1970(stamps, "s")
        unit = unit_of(seconds) if made else None
        raise DataError(
            f"{where}, {place(at)}: {stamps[at]} is in the year {years[at]}, expected {FIRST_YEAR} to {LAST_YEAR}. "
            + (_format_wrong_unit(seconds, unit, "s") if unit else "A stamp is wrong, or the column holds no times")
        )
    if made and (years == 1970).all() and (unit := _read_as_too_short(_since_1970(stamps, "ns"), "ns")):
        raise DataError(
            f"{where}: all {len(stamps)} times are in 1970, from {stamps.min()} on. "
            + _format_wrong_unit(_since_1970(stamps, "ns"), unit, "ns")
        )


def _format_wrong_unit(counts: Counts, unit: str, taken: str) -> str:
    ratio = A_SECOND[unit] / A_SECOND[taken]
    times, example = (f"{ratio:,.0f} times shorter", "ms") if ratio > 1 else (f"{1 / ratio:,.0f} times longer", "s")
    return (
        f"Made of numbers in a unit {times} they are {span(counts, unit)}: pandas.to_datetime(numbers, unit=...) takes "
        f"the unit, such as {example!r}"
    )


def _since_1970(stamps: pd.DatetimeIndex, unit: str) -> npt.NDArray[np.int64]:
    return np.asarray(stamps.as_unit(unit).asi8)


def _years(counts: Counts, unit: str) -> npt.NDArray[np.float64]:
    return 1970 + counts / (A_SECOND[unit] * A_YEAR)


def _units(counts: Counts) -> list[str | None]:
    """Of each number the unit by which it lies in 1971 to 2200."""
    found = np.full(len(counts), None, object)
    for unit in A_SECOND:
        years = _years(counts, unit)
        found[(years >= 1971) & (years < LAST_YEAR + 1)] = unit
    return found.tolist()


def _read_as_too_short(counts: Counts, unit: str) -> str | None:
    """The unit that `counts` are of where `unit`, a shorter one, puts all of them into 1970 between whole seconds."""
    other = unit_of(counts)
    if other is None or A_SECOND[other] >= A_SECOND[unit] or not (counts % A_SECOND[unit]).any():
        return None
    return other


def _check_unit(raw: RawTable, where: str, counts: Counts, unit: str) -> None:
    years = _years(counts, unit)
    wrong = (years < FIRST_YEAR) | (years >= LAST_YEAR + 1)
    if wrong.any() or _of_two_units(counts, years):
        at = int(wrong.argmax())
        hint = format_hint(counts) or f"Expected times of the years {FIRST_YEAR} to {LAST_YEAR}"
        raise DataError(
            f"{where}, {raw.place(at)}: {counts[at]} read as {UNITS[unit]} since 1970 is in the year {years[at]:.0f}. "
            + hint.rstrip()
        )
    if _read_as_too_short(counts, unit):
        raise DataError(
            f"{where}, {raw.place(0)}: {counts[0]} read as {UNITS[unit]} since 1970 is in 1970, and so are all others. "
            + format_hint(counts).rstrip()
        )


def _of_two_units(counts: Counts, years: npt.NDArray[np.float64]) -> bool:
    """Whether some of `counts`, of another unit than the others, lie in 1970 and the others long after it."""
    early = (years >= 1970) & (years < 1971)
    apart = early.any() and (years[~early] >= 1975).all() and not early.all()
    return bool(apart) and unit_of(counts[early]) is not None
