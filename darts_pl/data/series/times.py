"""The time column: which it is, its stamps read, and the zone they are in."""

import datetime
import difflib
import zoneinfo

import numpy as np
import pandas as pd

from darts_pl.data.delimited import RawTable
from darts_pl.data.series.epochs import FORMATS, as_counts, check_years, format_hint, read_counts
from darts_pl.errors import ConfigError, DataError, nearest

USUAL_NAMES = ("date", "time", "timestamp", "datetime", "ds")
OFFSET = r"[Tt ]\d{2}.*(?:[Zz]|[+-]\d{2}:?(?:\d{2})?)$"  # a time of day, then Z or an offset


def time_column(raw: RawTable, given: str | None) -> str:
    """The name of the time column: `given`, else the only column named as in `USUAL_NAMES`, in any case.

    Raises:
        DataError: `given` is not there; or without it no such column, or several.
    """
    columns = list(raw.frame.columns)
    if given is not None:
        if given not in columns:
            raise DataError(f"{raw.name}: data.time={given!r} is no column. {nearest(given, columns)}")
        return given
    found = [name for name in columns if name.lower() in USUAL_NAMES]
    if len(found) != 1:
        what = f"columns {', '.join(found)} could each be the times" if found else "no column is named as times usually"
        raise DataError(f"{raw.name}: {what} ({', '.join(USUAL_NAMES)}). Give data.time=<one of {', '.join(columns)}>")
    return found[0]


def read_times(raw: RawTable, column: str, time_format: str | None, timezone: str | None) -> pd.DatetimeIndex:
    """The stamps of `column`, one a row.

    Args:
        time_format: as `datetime.strptime` takes it, or one of `epochs.FORMATS` for what is counted since 1970 UTC;
            None reads ISO 8601 only, since 01/02/2020 says no more than that it is one of two days.
        timezone: a zone such as Europe/Berlin. Stamps with offsets are moved to it, stamps without are taken to be its
            wall time; of an hour that comes twice in autumn the first is summer time. None keeps one offset as it is.

    Raises:
        DataError: a stamp that is missing or cannot be read, some stamps with offsets and some without, several
            offsets and no zone, a wall time that the zone skips, a year out of `epochs.FIRST_YEAR` to `LAST_YEAR`; each
            with its column and place.
        ConfigError: an unknown zone.
    """
    _check_zone(timezone)
    values = raw.frame[column]
    if (empty := values.isna().to_numpy()).any():
        raise DataError(f"{raw.name}, column {column!r}, {raw.place(int(empty.argmax()))}: the time is missing")
    made = pd.api.types.is_datetime64_any_dtype(values)
    if made:
        stamps = pd.DatetimeIndex(values)
    elif time_format in FORMATS:
        stamps = read_counts(raw, column, time_format)
    else:
        stamps = _read_texts(raw, column, time_format, timezone)
    check_years(stamps, f"{raw.name}, column {column!r}", raw.place, made)
    return stamps if timezone is None else _to_timezone(stamps, timezone, raw, column)


def _read_texts(raw: RawTable, column: str, time_format: str | None, timezone: str | None) -> pd.DatetimeIndex:
    values = raw.frame[column]
    texts = values.astype(str).str.strip()
    aware = _with_offsets(texts, time_format)
    if aware.any() and not aware.all():
        odd = int((aware != aware[0]).argmax())
        raise DataError(
            f"{raw.name}, column {column!r}: {raw.place(0)} is {texts.iloc[0]!r}, {raw.place(odd)} "
            f"{texts.iloc[odd]!r}; expected an offset from UTC in all stamps or in none"
        )
    stamps = _parsed(texts, time_format, bool(aware.all()))
    if (bad := np.asarray(stamps.isna())).any():
        at = int(bad.argmax())
        expected = "ISO 8601, such as 2020-01-31 13:00" if time_format is None else f"the format {time_format!r}"
        raise DataError(
            f"{raw.name}, column {column!r}, {raw.place(at)}: found {texts.iloc[at]!r}, expected a time as {expected}. "
            f"{format_hint(as_counts(values))}Other forms: data.time_format='%d/%m/%Y %H:%M', or unix_s, unix_ms, "
            "unix_us or unix_ns for seconds to nanoseconds since 1970; another column: data.time=<name>"
        )
    if timezone is None and stamps.tz is not None:
        stamps = stamps.tz_convert(_one_offset(texts, raw, column))
    return stamps


def _with_offsets(texts: pd.Series, time_format: str | None) -> np.ndarray:
    if time_format is None:
        return texts.str.contains(OFFSET, regex=True).to_numpy(bool)
    return np.full(len(texts), "%z" in time_format)


def _parsed(texts: pd.Series, time_format: str | None, aware: bool) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(texts, format=time_format or "ISO8601", errors="coerce", utc=aware))


def _one_offset(texts: pd.Series, raw: RawTable, column: str) -> datetime.tzinfo:
    """The offset that all stamps share, as a time zone."""
    offsets = texts.str.extract(r"([Zz]|[+-]\d{2}:?(?:\d{2})?)$")[0].str.upper()
    offsets = offsets.replace("Z", "+00:00")
    if (other := (offsets != offsets.iloc[0]).to_numpy()).any():
        at = int(other.argmax())
        raise DataError(
            f"{raw.name}, column {column!r}: the offset from UTC is {offsets.iloc[0]} in {raw.place(0)} and "
            f"{offsets.iloc[at]} in {raw.place(at)}, as summer time makes it. Give the zone they are in, such as "
            "data.timezone=Europe/Berlin, or UTC"
        )
    return pd.Timestamp(f"2000-01-01T00:00{offsets.iloc[0]}").tz


def _to_timezone(stamps: pd.DatetimeIndex, timezone: str, raw: RawTable, column: str) -> pd.DatetimeIndex:
    if stamps.tz is not None:
        return stamps.tz_convert(timezone)
    local = stamps.tz_localize(timezone, ambiguous=~stamps.duplicated(), nonexistent="NaT")
    if (skipped := np.asarray(local.isna())).any():
        at = int(skipped.argmax())
        raise DataError(
            f"{raw.name}, column {column!r}, {raw.place(at)}: {stamps[at]} does not exist in {timezone}, whose clocks "
            "skip it. Stamps of a fixed offset, such as UTC, need no data.timezone"
        )
    return local


def _check_zone(timezone: str | None) -> None:
    known = zoneinfo.available_timezones()
    if timezone is not None and timezone not in known:
        close = difflib.get_close_matches(timezone, known, n=1)  # all 600 would not help
        hint = f"Did you mean {close[0]!r}?" if close else "Expected a name such as Europe/Berlin or UTC"
        raise ConfigError(f"data.timezone={timezone!r} is unknown. {hint}")
