"""Features of the calendar: what is known of every step, past and future, from its time alone.

Each is one channel scaled linearly to −0.5..0.5, as in Informer (Zhou et al. 2021, arXiv 2012.07436, appendix B) and
GluonTS: hour / 23 − 0.5 and so on.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from darts_pl.errors import ConfigError, nearest

Feature = Callable[[pd.DatetimeIndex], pd.Index]
FEATURES: dict[str, tuple[Feature, int, int]] = {  # name: (values, least, greatest)
    "second": (lambda times: times.second, 0, 59),
    "minute": (lambda times: times.minute, 0, 59),
    "hour": (lambda times: times.hour, 0, 23),
    "day_of_week": (lambda times: times.day_of_week, 0, 6),  # Monday is 0
    "day_of_month": (lambda times: times.day, 1, 31),
    "day_of_year": (lambda times: times.day_of_year, 1, 366),
    "week_of_year": (lambda times: times.isocalendar().week, 1, 53),
    "month": (lambda times: times.month, 1, 12),
}
AUTO = {  # by the unit that a step is at least as long as: what varies from step to step, as GluonTS chooses
    "second": ("second", "minute", "hour", "day_of_week", "day_of_month", "day_of_year"),
    "minute": ("minute", "hour", "day_of_week", "day_of_month", "day_of_year"),
    "hour": ("hour", "day_of_week", "day_of_month", "day_of_year"),
    "day": ("day_of_week", "day_of_month", "day_of_year"),
    "week": ("day_of_month", "week_of_year"),
    "month": ("month",),
    "year": (),
}


def calendar_names(chosen: str | Sequence[str], level: str) -> tuple[str, ...]:
    """The features that `chosen` names: a list, one name, or "auto" by the `level` of `frequency.calendar_level`.

    Raises:
        ConfigError: an unknown feature, or one given twice.
    """
    if chosen == "auto":
        return AUTO[level]
    names = (chosen,) if isinstance(chosen, str) else tuple(map(str, chosen))
    for name in names:
        if name not in FEATURES:
            raise ConfigError(f"data.calendar: {name!r} is no feature. {nearest(name, [*FEATURES, 'auto'])}")
    if len(set(names)) < len(names):
        raise ConfigError(f"data.calendar={list(names)} names a feature twice")
    return names


def calendar_features(times: pd.DatetimeIndex, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Features [rows, len(names)] within −0.5..0.5 of the wall time of `times`."""
    columns = []
    for name in names:
        values, least, greatest = FEATURES[name]
        columns.append((np.asarray(values(times), np.float64) - least) / (greatest - least) - 0.5)
    return np.stack(columns, axis=1) if columns else np.empty((len(times), 0))
