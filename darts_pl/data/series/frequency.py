"""The frequency of a series: found from its stamps, and what follows from it."""

from typing import TypeVar

import pandas as pd
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import BaseOffset, Day, Tick

from darts_pl.errors import ConfigError, DataError

DAY = pd.Timedelta(days=1)
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONTHS_A_STEP = {"MS": 1, "ME": 1, "BMS": 1, "BME": 1, "QS": 3, "QE": 3, "BQS": 3, "BQE": 3}
YEARLY = ("YS", "YE", "BYS", "BYE")
Length = TypeVar("Length", int, pd.Timedelta)


def parse_frequency(text: str) -> BaseOffset:
    """The step that `text` names, as pandas writes frequencies: h, 15min, D, W-SAT, MS.

    Raises:
        ConfigError: no such frequency, or one that does not go forward.
    """
    try:
        offset = to_offset(text)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"data.frequency={text!r} is unknown ({error}). Expected one of pandas' frequencies, such as h, 15min, D, "
            "B, W-SUN, MS, QS, YS"
        ) from error
    if offset is None or offset.n < 1:
        raise ConfigError(f"data.frequency={text!r}: expected a step forward in time")
    return offset


def infer_frequency(times: pd.DatetimeIndex, where: str) -> BaseOffset:
    """The frequency that explains most steps between sorted, unique stamps; gaps do not hide it.

    Raises:
        DataError: fewer than 3 stamps.
    """
    if len(times) < 3:
        raise DataError(f"{where}: {len(times)} rows are too few to tell a frequency from. Give data.frequency")
    wall = times.tz_localize(None)

    def explained(offset: BaseOffset) -> float:
        stamps = times if _is_below_day(offset) else wall  # a day is a day of the calendar, of 23 to 25 hours
        return float((stamps[:-1] + offset == stamps[1:]).mean())

    return max(_candidates(times, wall), key=explained)  # the first of equals


def fixed_step(offset: BaseOffset) -> pd.Timedelta | None:
    """The length of a step where all have one, days of the calendar counted as 24 hours; None for months and the
    like."""
    if isinstance(offset, Day):
        return offset.n * DAY
    if isinstance(offset, Tick):
        return pd.Timedelta(offset)
    return 7 * offset.n * DAY if _rule(offset) == "W" else None


def seasonal_period(offset: BaseOffset) -> int:
    """Steps of the season that naive forecasts and MASE use: a day for steps from 5 minutes (hourly 24, 15min 96), an
    hour for shorter ones from a second (minutely 60), a week for days (7, business days 5), a year for weeks (52),
    months (12) and quarters (4). 1, the last value, where no such season is a whole number of steps."""
    rule, step = _rule(offset), fixed_step(offset)
    if rule == "B":
        return _whole(5, offset.n)
    if rule == "W":
        return _whole(52, offset.n)
    if rule in MONTHS_A_STEP:
        return _whole(12, MONTHS_A_STEP[rule] * offset.n)
    if step is None:
        return 1
    if step >= DAY:
        return _whole(7 * DAY, step)
    if step >= pd.Timedelta(minutes=5):
        return _whole(DAY, step)
    return _whole(pd.Timedelta(hours=1), step) if step >= pd.Timedelta(seconds=1) else 1


def calendar_level(offset: BaseOffset) -> str:
    """The unit that a step is at least as long as: second, minute, hour, day, week, month or year."""
    step, rule = fixed_step(offset), _rule(offset)
    if rule in MONTHS_A_STEP:
        return "month"
    if rule in YEARLY:
        return "year"
    if step is None:
        return "day"  # business days and the like
    units = ("week", 7 * DAY), ("day", DAY), ("hour", pd.Timedelta(hours=1)), ("minute", pd.Timedelta(minutes=1))
    return next((name for name, length in units if step >= length), "second")


def _whole(season: Length, step: Length) -> int:
    """How many steps a season has; 1 where that is no whole number above 1."""
    return int(season // step) if season >= 2 * step and season % step == 0 * step else 1


def _is_below_day(offset: BaseOffset) -> bool:
    return isinstance(offset, Tick) and not isinstance(offset, Day)


def _rule(offset: BaseOffset) -> str:
    """The name of a frequency without its multiple and anchor: 2QS-OCT is QS."""
    return offset.rule_code.split("-")[0]


def _candidates(times: pd.DatetimeIndex, wall: pd.DatetimeIndex) -> list[BaseOffset]:
    """What the most common step may be, the plainest first."""
    step = pd.Series(wall[1:] - wall[:-1]).mode()[0]
    elapsed = pd.Series(times[1:] - times[:-1]).mode()[0]
    if step % DAY or step < DAY:
        return [to_offset(elapsed)]
    days = step // DAY
    first = wall[0]
    if days % 7 == 0:
        found = [to_offset(f"{days // 7}W-{WEEKDAYS[first.day_of_week]}")]
    else:
        found = [Day(days)]
    if days == 1:
        found.append(to_offset("B"))
    months = round(days / 30.44)
    anchor = MONTHS[first.month - 1]
    if months >= 1 and 28 <= days / months <= 31:
        found += [to_offset(f"{months}{rule}") for rule in ("MS", "ME")]
        if months % 3 == 0:
            found += [to_offset(f"{months // 3}{rule}-{anchor}") for rule in ("QS", "QE")]
        if months % 12 == 0:
            found += [to_offset(f"{months // 12}{rule}-{anchor}") for rule in ("YS", "YE")]
    return found
