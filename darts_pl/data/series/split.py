"""Cuts of a series along time: training, validation and test rows, and the paired blocks of a search."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.tseries.offsets import BaseOffset

from darts_pl.data.series.frequency import fixed_step
from darts_pl.errors import ConfigError, DataError

SPLITS = ("ett", "ratio", "dates")
ETT_MONTHS = (12, 4, 4)
ETT_MONTH = pd.Timedelta(days=30)


@dataclass(frozen=True)
class Cuts:
    """Where the rows to be forecast end: training [0, train), validation [train, val), test [val, test)."""

    train: int
    val: int
    test: int

    def rows(self, part: str, look_back: int) -> range:
        """The rows that windows of a part may touch: a later part starts one look-back before its first forecast."""
        if part == "train":
            return range(self.train)
        first, stop = (self.train, self.val) if part == "val" else (self.val, self.test)
        return range(first - look_back, stop)


def window_starts(rows: range, look_back: int, horizon: int) -> range:
    """First rows of all windows of `look_back` + `horizon` rows within `rows`; empty where none fits."""
    return range(rows.start, max(rows.start, rows.stop - look_back - horizon + 1))


def ett_cuts(rows: int, offset: BaseOffset, where: str) -> Cuts:
    """12, 4 and 4 months of 30 days, whatever comes after left out (Zhou et al. 2021, arXiv 2012.07436): rows 8640,
    11520 and 14400 of hourly data.

    Raises:
        ConfigError: a step that does not divide 30 days. DataError: fewer rows.
    """
    step = fixed_step(offset)
    if step is None or ETT_MONTH % step:
        raise ConfigError(f"data.split=ett: a step of {offset.freqstr} does not divide 30 days. Choose ratio or dates")
    month = ETT_MONTH // step
    train, val, test = (month * months for months in ETT_MONTHS)
    if rows < train + val + test:
        raise DataError(
            f"{where}: data.split=ett needs 20 months of 30 days, {train + val + test} rows at {offset.freqstr}; found "
            f"{rows}. Choose data.split=ratio or dates"
        )
    return Cuts(train, train + val, train + val + test)


def ratio_cuts(rows: int, ratios: Sequence[float]) -> Cuts:
    """Training and test get their share of the rows, rounded down, validation the rest, as Autoformer's code cuts
    (thuml/Autoformer, `Dataset_Custom`).

    Raises:
        ConfigError: other than three shares above 0 that add up to 1.
    """
    if len(ratios) != 3 or min(ratios) <= 0 or abs(sum(ratios) - 1) > 1e-6:
        raise ConfigError(
            f"data.ratios={list(ratios)}: expected shares of training, validation and test above 0 that add up to 1"
        )
    train, test = int(rows * ratios[0] + 1e-9), int(rows * ratios[2] + 1e-9)
    return Cuts(train, rows - test, rows)


def date_cuts(times: pd.DatetimeIndex, val_start: str | None, test_start: str | None, where: str) -> Cuts:
    """Validation starts at the first row at or after `val_start`, test at the first at or after `test_start`; dates
    without an offset are wall time of the data.

    Raises:
        ConfigError: a date missing, unreadable, or test before validation. DataError: a date outside the data.
    """
    train, val = (
        _row_at(times, name, given, where) for name, given in (("val_start", val_start), ("test_start", test_start))
    )
    if train >= val:
        raise ConfigError(f"data.val_start={val_start} leaves no row before data.test_start={test_start}")
    return Cuts(train, val, len(times))


def check_lengths(cuts: Cuts, look_back: int, horizon: int, where: str) -> None:
    """
    Raises:
        DataError: a part that holds no window, with its rows and what it needs.
    """
    rows = {"train": cuts.train, "val": cuts.val - cuts.train, "test": cuts.test - cuts.val}
    for part, found in rows.items():
        need = look_back + horizon if part == "train" else horizon
        if found < need:
            sizes = f"data.horizon={horizon}" + (f" and data.look_back={look_back}" if part == "train" else "")
            parts = ", ".join(map(str, rows.values()))
            raise DataError(
                f"{where}: the {part} part holds {found} rows, {need} are needed for {sizes}. Lower these, or give "
                f"the part more rows by data.split, data.ratios or its dates (all parts: {parts} rows)"
            )


def paired_blocks(
    rows: int, look_back: int, horizon: int, fraction: float = 0.5, alphas_block: str = "last", where: str = "the data"
) -> tuple[range, range]:
    """Cut the training rows once, into a block for the weights and a block for the architecture.

    No window lies across the cut, so that no time step, of a look-back or of a horizon, is in windows of both.

    Args:
        rows: training rows. fraction: the weights' share of them. alphas_block: "last" or "first" in time.

    Returns:
        Rows of (weights, alphas).

    Raises:
        ConfigError: a fraction out of range. DataError: a block that holds no window.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"data.weights_fraction={fraction}: expected a share above 0 and below 1")
    size = round(rows * fraction)
    if alphas_block == "last":
        weights, alphas = range(size), range(size, rows)
    else:
        weights, alphas = range(rows - size, rows), range(rows - size)
    for name, block in (("weights", weights), ("alphas", alphas)):
        if len(block) < look_back + horizon:
            raise DataError(
                f"{where}: the {name} block of a search holds {len(block)} of {rows} training rows, "
                f"{look_back + horizon} are needed for data.look_back={look_back} and data.horizon={horizon}. Lower "
                "these, change data.weights_fraction, or give training more rows"
            )
    return weights, alphas


def _row_at(times: pd.DatetimeIndex, name: str, given: str | None, where: str) -> int:
    if given is None:
        raise ConfigError(f"data.split=dates needs data.{name}")
    try:
        start = pd.Timestamp(given)
    except ValueError as error:
        raise ConfigError(f"data.{name}={given!r} is no date. Expected one such as 2020-01-31") from error
    if start.tz is None and times.tz is not None:
        start = start.tz_localize(times.tz)
    elif start.tz is not None and times.tz is None:
        raise ConfigError(f"data.{name}={given!r} has an offset from UTC, the times of {where} have none. Leave it out")
    if not times[0] < start <= times[-1]:
        raise DataError(f"data.{name}={given} lies outside {where}, which goes from {times[0]} to {times[-1]}")
    return int(times.searchsorted(start))
