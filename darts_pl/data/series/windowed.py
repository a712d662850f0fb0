"""A series cut into training, validation and test windows and standardised by its training rows."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from darts_pl.data.series.calendar import calendar_features, calendar_names
from darts_pl.data.series.frequency import calendar_level
from darts_pl.data.series.magnitude import check_network_input, farthest, too_coarse, typical_deviations
from darts_pl.data.series.preprocessing import SeriesPreprocessing
from darts_pl.data.series.scaling import Scaler
from darts_pl.data.series.series import Series
from darts_pl.data.series.split import Cuts, window_starts
from darts_pl.data.series.windows import WindowInputs, WindowTargets
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.ops.series.shapes import SeriesShape

PARTS = ("train", "val", "test")
NEAR_ZERO = "data.scaling=standard brings them near 0"
STANDS = "Where it stands for a missing value, leave the cell empty, and data.missing says what to do"


class WindowedSeries:
    """The windows of `series`, whose parts end at `cuts`; the other arguments are those of `SeriesData`."""

    def __init__(
        self,
        series: Series,
        cuts: Cuts,
        look_back: int,
        horizon: int,
        *,
        scaling: str = "standard",
        calendar: str | Sequence[str] = "auto",
        device: torch.device | str = "cpu",
    ):
        self.series, self.cuts, self.scaling, self.device = series, cuts, scaling, torch.device(device)
        self.look_back, self.horizon = look_back, horizon
        self.calendar_names = calendar_names(calendar, calendar_level(series.offset))

    @cached_property
    def scalers(self) -> dict[str, Scaler]:
        """Of the "targets", "past" and "future" columns, fitted to the training rows."""
        train = slice(0, self.cuts.train)
        return {role: Scaler.fit(self._columns(role)[train], self.scaling) for role in ("targets", "past", "future")}

    @property
    def shape(self) -> SeriesShape:
        """What a network is built for."""
        roles = self.series.roles
        known = len(roles.future) + len(self.calendar_names)
        return SeriesShape(self.look_back, self.horizon, len(roles.targets), len(roles.past), known)

    @cached_property
    def samples(self) -> tuple[WindowInputs, WindowTargets]:
        """What gives the batches of the windows that start at some rows: float32 on `device`."""
        target, past, future = (self._scaled(role) for role in ("targets", "past", "future"))
        known = np.concatenate([future, calendar_features(self.series.times, self.calendar_names)], axis=1)
        seen = self._stored(np.concatenate([target, past], axis=1))
        targets = WindowTargets(seen[:, : target.shape[1]], self.look_back, self.horizon)
        return WindowInputs(seen, self._stored(known), self.look_back, self.horizon), targets

    def starts(self, part: str) -> range:
        """The first row of each window of "train", "val" or "test".

        Raises:
            ConfigError: another part.
        """
        if part not in PARTS:
            raise ConfigError(f"part={part!r} is unknown. {nearest(part, PARTS)}")
        return window_starts(self.cuts.rows(part, self.look_back), self.look_back, self.horizon)

    def window_times(self, part: str) -> pd.DatetimeIndex:
        """The time of the first step that each window of a part forecasts."""
        starts = self.starts(part)
        return self.series.times[starts.start + self.look_back : starts.stop + self.look_back]

    def train_targets(self) -> npt.NDArray[np.float64]:
        """float64 [rows, Y], the targets of the training rows on the original scale."""
        return self._columns("targets")[: self.cuts.train]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the values, times, names and roles, cuts, sizes of the windows, scaling and calendar."""
        series, roles = self.series, self.series.roles
        cuts = (self.cuts.train, self.cuts.val, self.cuts.test)
        names = (roles.targets, roles.past, roles.future, self.calendar_names)
        facts = (names, series.offset.freqstr, str(series.times.tz), cuts, self.look_back, self.horizon, self.scaling)
        digest = hashlib.sha256(repr(facts).encode())
        digest.update(series.times.as_unit("ns").asi8.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(series.values, "<f8").tobytes())
        return digest.hexdigest()

    def preprocessing(self, series: Mapping[str, str]) -> SeriesPreprocessing:
        """What has to be done to further rows of the series before a network sees them; `series` names it."""
        roles, zone = self.series.roles.by_name(), self.series.times.tz
        parts = {"targets": "targets", "past_covariates": "past", "future_covariates": "future"}
        return SeriesPreprocessing(
            columns={name: list(roles[part]) for name, part in parts.items()},
            scalers={name: self.scalers[part] for name, part in parts.items()},
            calendar=tuple(self.calendar_names),
            frequency=self.series.offset.freqstr,
            timezone=None if zone is None else str(zone),
            series=series,
            look_back=self.look_back,
            horizon=self.horizon,
        )

    def _columns(self, role: str) -> npt.NDArray[np.float64]:
        return self.series.columns(self.series.roles.by_name()[role])

    def _scaled(self, role: str) -> npt.NDArray[np.float64]:
        """What a network is given of the columns of a role, once it is known that float32 holds it."""
        values, scaler = self._columns(role), self.scalers[role]
        given = scaler.transform(values)
        raw = self.scaling == "none"

        def place(row: int, column: int) -> str:
            name = self.series.roles.by_name()[role][column]
            return f"{self.series.name}, column {name!r}, {self.series.times[row]}: {values[row, column]:g}"

        check_network_input(
            given, place, NEAR_ZERO if raw else f"It is far from all {self.cuts.train} training rows. {STANDS}"
        )
        deviations = typical_deviations(values)
        for column in np.flatnonzero(too_coarse(given, deviations / scaler.std)):
            spread = f"typically deviate by {deviations[column]:.3g} from their median"
            at = place(farthest(values[:, column]), int(column))
            if raw:
                raise DataError(
                    f"{at} is so far from 0 that float32 holds the values roughly: they {spread}. {NEAR_ZERO}"
                )
            raise DataError(
                f"{at} is so far from the others, which {spread}, that scaled they are nearly equal. {STANDS}"
            )
        return given

    def _stored(self, values: npt.NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self.device)
