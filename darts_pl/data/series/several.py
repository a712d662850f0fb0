"""A table of several series, one below the other or row by row: recognised, refused as such, and one of them picked."""

import itertools
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from darts_pl.data.delimited import RawTable
from darts_pl.errors import ConfigError, DataError, nearest

LEAST_REPEATED, LEAST_SHARE = 3, 0.02  # rows whose time came before: fewer are doubled by mistake or by winter time
EXPLAINED = 0.9  # of these rows, by a column that names the series; a few may be doubled within one besides
COVERED = 0.5  # of the times between its first and its last that a series has; values that come by chance have fewer
MOST_COLUMNS = (None, 12, 8)  # that are tried alone, in pairs and by three, those of the fewest values first
FIRST_TIMES = 500  # that come more than once, by which most combinations of columns are ruled out
SHOWN = 3
KEY = r"(?a)[A-Za-z_][\w.-]*"
RESERVED = ("null", "true", "false", "nan", "inf")
Codes = npt.NDArray[np.int64]


def pick(raw: RawTable, series: Mapping[str, Any]) -> RawTable:
    """The rows of one series, without the columns that name it.

    Args:
        series: column → value; a number is equal to the text of it. Empty: all rows.

    Raises:
        ConfigError: no such column, or no such value in it.
    """
    frame = raw.frame
    for column, value in series.items():
        if column not in frame:
            raise ConfigError(f"data.series: {column!r} is no column of {raw.name}. {nearest(column, frame.columns)}")
        rows = _equal(frame[column], value)
        if not rows.any():
            known = map(str, frame[column].drop_duplicates().iloc[:1000])
            raise ConfigError(f"data.series: no row of {raw.name} has {column}={value!r}. {nearest(str(value), known)}")
        frame = frame[rows]
    return replace(raw, frame=frame.drop(columns=list(series)))


def check_one_series(frame: pd.DataFrame, times: pd.DatetimeIndex, time: str, where: str) -> None:
    """Check that a table does not hold several series.

    Args:
        frame: the columns; the one named `time`, where there is one, is left aside. times: of the rows.

    Raises:
        DataError: times repeat, and one, two or three columns tell the rows of a time apart as names of series do.
    """
    instants, distinct = pd.factorize(times)
    repeated = len(times) - len(distinct)
    if repeated < max(LEAST_REPEATED, LEAST_SHARE * len(times)):
        return
    columns = {name: codes for name in frame.columns if name != time and (codes := _codes(frame[name])) is not None}
    names = _naming_columns(columns, np.argsort(np.argsort(distinct))[instants])
    if names is None:
        return
    groups = frame[list(names)].drop_duplicates()
    shown = [", ".join(map(str, row)) for row in groups.iloc[:SHOWN].itertuples(index=False)]
    more = ", ..." if len(groups) > SHOWN else ""
    what = f"the column {names[0]!r}" if len(names) == 1 else f"the columns {' and '.join(map(repr, names))}"
    raise DataError(
        f"{where} holds {len(groups)} series, told apart by {what} ({'; '.join(shown)}{more}): {repeated} of "
        f"{len(times)} rows have the time of another row. A model is found for one series, of one or more columns. "
        f"Pick one: {format_series_option(dict(zip(names, groups.iloc[0])))}; or give each its own column, as pandas' "
        f"pivot does (index={time!r}, columns={names[0] if len(names) == 1 else list(names)!r})"
    )


def format_series_option(series: Mapping[str, Any]) -> str:
    """The argument of a command that picks `series`, as a shell takes it."""
    if not all(re.fullmatch(KEY, column) for column in series):  # Hydra reads no such key, quoted or not
        return "data.series, once the columns that name it have names of Latin letters, digits and _"
    return shlex.quote(f"data.series={{{', '.join(f'{key}: {_quoted(value)}' for key, value in series.items())}}}")


def difference(frame: pd.DataFrame, first: int, second: int, time: str) -> str:
    """In which texts two rows differ, such as "'unique_id' ('A' and 'B')", the times aside; empty where in none."""
    texts = [name for name in frame.columns if name != time and not pd.api.types.is_numeric_dtype(frame[name])]
    pairs = ((name, str(frame[name].iloc[first]), str(frame[name].iloc[second])) for name in texts)
    return ", ".join(f"{name!r} ({a[:60]!r} and {b[:60]!r})" for name, a, b in pairs if a != b)


def _equal(column: pd.Series, value: Any) -> npt.NDArray[np.bool_]:
    same = (column.astype(str) == str(value)).to_numpy(bool)
    if same.any() or not pd.api.types.is_numeric_dtype(column):
        return same
    number = pd.to_numeric(pd.Series([str(value)]), errors="coerce").iloc[0]
    return (column == number).to_numpy(bool, na_value=False)


def _codes(column: pd.Series) -> Codes | None:
    """The values of a column that may name series, by number; None where it holds one value, or too many to do so."""
    values = column.astype(str) if column.dtype == object else column  # lists cannot be told apart otherwise
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return codes if 2 <= len(distinct) <= len(column) / 2 else None


def _naming_columns(columns: Mapping[str, Codes], times: Codes) -> Sequence[str] | None:
    """The fewest columns, and of these those of the fewest values, that name series; None where none do."""
    checked = np.flatnonzero(np.isin(times, np.flatnonzero(np.bincount(times) > 1)[:FIRST_TIMES]))
    for size, most in enumerate(MOST_COLUMNS, start=1):
        tried = sorted(columns, key=lambda name: columns[name].max())[:most]
        found = []
        for names in itertools.combinations([name for name in columns if name in tried], size):
            if not _groups_differ(_joined([columns[name][checked] for name in names]), times[checked], EXPLAINED / 2):
                continue
            groups = _joined([columns[name] for name in names])
            if groups.max() >= len(times) / 2 or not _are_continuous(groups, times):
                continue
            if _groups_differ(groups, times, EXPLAINED):
                found.append((int(groups.max()), names))
        if found:
            return min(found, key=lambda each: each[0])[1]
    return None


def _joined(codes: Sequence[Codes]) -> Codes:
    joined = codes[0]
    for each in codes[1:]:
        joined, _ = pd.factorize(joined * (each.max() + 1) + each)
    return joined


def _groups_differ(groups: Codes, times: Codes, share: float) -> bool:
    """Whether this share, at the least, of the rows whose time came before are in another group than the one before."""
    pairs = len(np.unique(groups * (times.max() + 1) + times))
    return len(times) - pairs <= (1 - share) * (len(times) - len(np.unique(times)))


def _are_continuous(groups: Codes, times: Codes) -> bool:
    """Whether most rows are in groups that have most of the times between their first and their last, as series do."""
    sizes = np.bincount(groups)
    first, last = np.full(len(sizes), len(times)), np.zeros(len(sizes), np.int64)
    np.minimum.at(first, groups, times)
    np.maximum.at(last, groups, times)
    # [groups]: those with a step between first and last left out at most half of the time
    whole = (sizes > 1) & (sizes >= COVERED * (last - first + 1))
    return bool(sizes[whole].sum() >= COVERED * len(times))


def _quoted(value: Any) -> str:
    """As Hydra's grammar reads a value back."""
    text = str(value)
    if re.fullmatch(r"[A-Za-z][\w-]*|\d+", text, re.ASCII) and text.lower() not in RESERVED:
        return text
    return "'" + text.replace("'", "\\'") + "'"
