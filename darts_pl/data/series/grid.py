"""Rows brought onto a regular grid of times: sorted, each time once, no step left out."""

import numpy as np
import pandas as pd
from pandas.tseries.offsets import BaseOffset

from darts_pl.data.delimited import RawTable
from darts_pl.data.series.frequency import infer_frequency, parse_frequency
from darts_pl.data.series.several import difference
from darts_pl.errors import DataError

LONGEST_FILL = 20  # times as many steps as rows; beyond this a stamp is more likely wrong than the rest missing


def in_order(frame: pd.DataFrame, rule: str, raw: RawTable, unit: str) -> pd.DataFrame:
    """`frame` (index: times; column `unit`: places in `raw`, its name behind a NUL) with its times rising; equal ones
    keep their order.

    Raises:
        DataError: unsorted times where `rule` is "refuse".
    """
    if frame.index.is_monotonic_increasing:
        return frame
    if rule == "refuse":
        at = int((frame.index[1:] < frame.index[:-1]).argmax()) + 1
        raise DataError(
            f"{raw.name}: times go back: {_named(frame, at, unit)} comes after {_named(frame, at - 1, unit)}. "
            "data.unsorted=sort brings the rows of one series into order"
            + _hint_of_several_series(frame, raw, at, unit)
        )
    return frame.sort_index(kind="stable")


def one_row_a_time(frame: pd.DataFrame, rule: str, raw: RawTable, unit: str) -> pd.DataFrame:
    """Sorted `frame` with one row a time: the "last" of them, or their "mean" over the values that are there.

    Raises:
        DataError: a time that comes twice where `rule` is "refuse".
    """
    twice = frame.index.duplicated(keep="first")
    if not twice.any():
        return frame
    if rule == "refuse":
        at = int(twice.argmax())
        raise DataError(
            f"{raw.name}: {_named(frame, at - 1, unit)} stands in {unit[1:]} {frame[unit].iloc[at]:.0f} too "
            f"({int(twice.sum())} such rows){_what_to_keep(frame, raw, at, unit)}"
        )
    if rule == "last":
        return frame[~frame.index.duplicated(keep="last")]
    return frame.groupby(level=0).mean()


def _what_to_keep(frame: pd.DataFrame, raw: RawTable, at: int, unit: str) -> str:
    rows = frame[frame.index.duplicated(keep=False)].drop(columns=unit)
    if rows.groupby(level=0).nunique(dropna=False).max(axis=None) == 1:
        return ", with the same values. data.duplicates=last keeps one row of a time"
    return (
        " with other values. Where a later row of the series corrects an earlier one, data.duplicates=last keeps it; "
        "where clocks went back to winter time, data.timezone tells the two hours apart"
        f"{_hint_of_several_series(frame, raw, at, unit)}"
    )


def _hint_of_several_series(frame: pd.DataFrame, raw: RawTable, at: int, unit: str) -> str:
    """What to do where the row at `at` and the one before are of two series, as a text in them may tell."""
    first, second = (int(raw.frame.index.get_loc(int(frame[unit].iloc[row]))) for row in (at - 1, at))
    if found := difference(raw.frame, first, second, str(frame.index.name)):
        return f". The two rows differ in {found}: where that names series, pick one by data.series"
    return "; where the rows are of several series, data.series picks one"


def on_grid(
    frame: pd.DataFrame, frequency: str | None, gaps: str, where: str, unit: str
) -> tuple[pd.DataFrame, BaseOffset]:
    """Sorted, unique `frame` with a row for every step, and the frequency.

    Args:
        frequency: None infers it. gaps: "refuse", or "fill" to insert rows without values.

    Raises:
        DataError: a step left out where `gaps` is "refuse"; a time between two steps; a gap far longer than the data.
    """
    times = frame.index
    offset = infer_frequency(times, where) if frequency is None else parse_frequency(frequency)
    expected = pd.date_range(times[0], periods=len(times), freq=offset)
    wrong = np.flatnonzero(expected != times)
    if not len(wrong):
        return frame, offset
    at = int(wrong[0])
    if at == 0:
        found = f"; the stamps look like {infer_frequency(times, where).freqstr}" if len(times) > 2 else ""
        raise DataError(
            f"{where}: the first time, {_named(frame, 0, unit)}, is no start of a step of data.frequency="
            f"{offset.freqstr}{found}"
        )
    step = (
        f"{_named(frame, at, unit)} comes after {_named(frame, at - 1, unit)}, expected {expected[at]} at the "
        f"frequency {offset.freqstr} ({'inferred' if frequency is None else 'given'})"
    )
    if times[at] < expected[at]:
        raise DataError(
            f"{where}: {step}. A time between two steps cannot be put on the grid: give another data.frequency, or "
            "resample the data"
        )
    if gaps == "refuse":
        raise DataError(
            f"{where}: {step}. data.gaps=fill with data.missing=interpolate or forward_fill inserts what is left out"
        )
    typical = pd.Series(times[1:] - times[:-1]).median()
    if (times[-1] - times[0]) / typical > LONGEST_FILL * len(times) + 100:
        raise DataError(
            f"{where}: {step}. From {times[0]} to {times[-1]} there are more than {LONGEST_FILL} times as many steps "
            "as rows: a stamp is wrong, or the series is in pieces; give one piece"
        )
    grid = pd.date_range(times[0], times[-1], freq=offset)
    if (outside := ~times.isin(grid)).any():
        odd = int(outside.argmax())
        raise DataError(
            f"{where}: {_named(frame, odd, unit)} lies between two steps of the frequency {offset.freqstr}; give "
            "another data.frequency, or resample the data"
        )
    return frame.reindex(grid), offset


def _named(frame: pd.DataFrame, position: int, unit: str) -> str:
    return f"{frame.index[position]} ({unit[1:]} {frame[unit].iloc[position]:.0f})"
