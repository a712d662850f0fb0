"""From raw rows or windows of a series to what a network takes, and from its output to forecasts on their scale."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import BaseOffset
from torch import Tensor

from darts_pl.bounded.fields import Fields
from darts_pl.bounded.texts import shown
from darts_pl.data.delimited import RawTable
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.data.series.calendar import calendar_features
from darts_pl.data.series.columns import as_numbers
from darts_pl.data.series.epochs import check_years
from darts_pl.data.series.magnitude import check_network_input, too_coarse
from darts_pl.data.series.scaling import Scaler, in_float64
from darts_pl.data.series.several import check_one_series, pick
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.ops.series import SeriesShape

log = logging.getLogger("darts_pl")

Array = npt.NDArray[np.float64]
Scale = tuple[Tensor, Tensor]  # means and standard deviations of some channels, float64
INPUTS = ("past", "past_known", "future_known")
ROLES = ("targets", "past_covariates", "future_covariates")


@dataclass(frozen=True)
class SeriesPreprocessing(Preprocessing):
    """Rows of a series to windows, standardised in float64 by the training rows, and forecasts back to their scale.

    Attributes:
        columns: names by role: targets, past_covariates, future_covariates. scalers: of each role.
        calendar: names of calendar features. frequency: the step, as pandas writes it; None where times are not known.
        timezone: of the times. series: the values by column that pick the series out of several.
        look_back, horizon: T and P, rows that are seen and that are forecast.
    """

    columns: Mapping[str, list[str]]
    scalers: Mapping[str, Scaler]
    calendar: tuple[str, ...]
    frequency: str | None
    timezone: str | None
    series: Mapping[str, str]
    look_back: int
    horizon: int
    _scales: Mapping[str, Scale] = field(init=False, repr=False, compare=False)
    _rough: Mapping[str, float] = field(init=False, repr=False, compare=False)

    kind = "series"

    def __post_init__(self) -> None:
        none = len(self.calendar)  # calendar features come as the network takes them
        unscaled = Scaler(np.zeros(none), np.ones(none))
        targets, past, future = (self.scalers[role] for role in ROLES)
        joined = {
            "past": Scaler.joined(targets, past),
            "known": Scaler.joined(future, unscaled),
            "target": targets,
        }
        rough = {
            name: float(np.abs(scaler.mean).max())
            for name, scaler in joined.items()
            if too_coarse(scaler.mean[None], scaler.std).any()
        }
        # made once, as tensors: what traces a model for export takes them for constants
        scales = {name: (torch.from_numpy(s.mean), torch.from_numpy(s.std)) for name, s in joined.items()}
        object.__setattr__(self, "_scales", scales)
        object.__setattr__(self, "_rough", rough)

    @property
    def input_shape(self) -> SeriesShape:
        """What a network is built for."""
        targets, past, future = (len(self.columns[role]) for role in ROLES)
        return SeriesShape(self.look_back, self.horizon, targets, past, future + len(self.calendar))

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(self.columns["targets"])

    def transform(self, raw: Any) -> dict[str, Tensor]:
        """Windows by name, as `arguments` takes them: one out of a frame, see `window`; else an array of the past
        (B, T, C), or the three arrays by name or in order.

        Raises:
            DataError: something else; see `window`.
        """
        if isinstance(raw, pd.DataFrame):
            return self.window(raw)[0]
        if not isinstance(raw, Mapping):
            raw = dict(zip(INPUTS, raw)) if isinstance(raw, (tuple, list)) else {"past": raw}
        try:
            windows = {name: torch.as_tensor(each) for name, each in raw.items() if each is not None}
        except (TypeError, ValueError) as error:
            raise DataError(f"found {shown(repr(raw))}, expected a frame, or arrays of numbers: {error}") from error
        return super().transform(windows)

    def arguments(self, like: Tensor, *inputs: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Raw windows, standardised: float32 holds a swing of 50 around ten million in steps of 1, hence float64.

        Args:
            inputs, named: past (B, T, C), targets, then past covariates; past_known (B, T, F) and future_known
                (B, P, F), future covariates, then the calendar's features as `calendar_features` gives them, needed
                where F > 0. Float64 where values are far from 0.

        Raises:
            DataError: a tensor of another shape, or one that is missing.
        """
        raw = inputs[0] if inputs and isinstance(inputs[0], Mapping) else {**dict(zip(INPUTS, inputs)), **named}
        shape = self.input_shape
        x = {"past": self._standardised("past", raw.get("past"), shape.look_back, shape.channels, like)}
        if features := shape.known_future:
            for name, steps in (("past_known", shape.look_back), ("future_known", shape.horizon)):
                x[name] = self._standardised(name, raw.get(name), steps, features, like)
        return (x,), {}

    def _standardised(self, name: str, value: Tensor | None, steps: int, channels: int, like: Tensor) -> Tensor:
        if value is None or value.dim() != 3 or value.shape[1:] != (steps, channels):
            found = None if value is None else tuple(value.shape)
            raise DataError(f"{name}: found {found}, expected (batch, {steps}, {channels})")
        part = "past" if name == "past" else "known"
        if part in self._rough and value.dtype != torch.float64:
            log.warning("%s: %s holds values up to %.3g roughly. Give float64", name, value.dtype, self._rough[part])
        value = in_float64(value)
        mean, std = (each.to(value.device) for each in self._scales[part])
        return ((value - mean) / std).to(like.device, like.dtype)

    def finish(self, output: Tensor) -> Tensor:
        """Forecasts (B, P, Y) on the targets' scale, float64."""
        output = in_float64(output)
        mean, std = (part.to(output.device) for part in self._scales["target"])
        return output * std + mean

    def window(
        self, frame: pd.DataFrame, future: pd.DataFrame | None = None
    ) -> tuple[dict[str, Tensor], pd.DatetimeIndex]:
        """The window that ends with the last row of a frame, float64 with a batch of 1, and the P times ahead of it.

        Args:
            frame, future: see `TrainedModel.forecast`.

        Raises:
            DataError, ConfigError: see `TrainedModel.forecast`.
        """
        if self.frequency is None:
            raise DataError("this model was trained on windows without times. Call it on tensors: model(past)")
        frame = self._rows_of_series(frame, "frame")
        times = self._times(frame)[-self.look_back :]
        ahead = pd.date_range(times[-1], periods=self.horizon + 1, freq=self._offset())[1:]
        seen = frame.iloc[-self.look_back :]
        x = {"past": self._values(seen, [*self.columns["targets"], *self.columns["past_covariates"]], "past", "frame")}
        if self.input_shape.known_future:
            if (names := self.columns["future_covariates"]) and future is None:
                raise DataError(
                    f"future: found None, expected {', '.join(names)} of {len(ahead)} steps from {ahead[0]}"
                )
            x["past_known"] = self._known(seen, times, "past_known")
            x["future_known"] = self._known(self._future_rows(future, ahead), ahead, "future_known")
        return {name: torch.tensor(values)[None] for name, values in x.items()}, ahead

    def _known(self, frame: pd.DataFrame | None, times: pd.DatetimeIndex, name: str) -> Array:
        names = self.columns["future_covariates"]
        given = self._values(frame, names, "known", name) if names else np.empty((len(times), 0))
        return np.concatenate([given, calendar_features(times, self.calendar)], axis=1)

    def _offset(self) -> BaseOffset:
        return to_offset(self.frequency)

    def _times(self, frame: pd.DataFrame) -> pd.DatetimeIndex:
        if not isinstance(frame.index, pd.DatetimeIndex):
            raise DataError("frame: found an index that holds no times. Use frame.set_index(<time column>)")
        if len(frame) < self.look_back:
            raise DataError(f"frame: found {len(frame)} rows, expected at least {self.look_back}")
        times, zone = frame.index, self.timezone
        if (times.tz is None) != (zone is None):
            raise DataError(f"frame: its times have timezone {times.tz}, those of the training {zone}")
        times = times if zone is None else times.tz_convert(zone)
        if (back := np.flatnonzero(times[1:] <= times[:-1])).size:
            at = int(back[0]) + 1
            raise DataError(
                f"frame: times are not in steps of {self.frequency}: {times[at]} comes after {times[at - 1]}, in row "
                f"{at + 1}. Expected the rows of one series in the order of their times"
            )
        last = times[-self.look_back :]
        expected = pd.date_range(last[0], periods=len(last), freq=self._offset())
        if not expected.equals(last.as_unit(expected.unit)):
            raise DataError(f"frame: times are not in steps of {self.frequency} from {last[0]} on")
        return times

    def _future_rows(self, future: pd.DataFrame | None, ahead: pd.DatetimeIndex) -> pd.DataFrame | None:
        if future is None or not self.columns["future_covariates"]:
            return None
        future = self._rows_of_series(future, "future")
        missing = ahead.difference(future.index)
        if len(missing):
            raise DataError(f"future: there is no row for {missing[0]}; expected {len(ahead)} steps from {ahead[0]}")
        if len(twice := future.index[future.index.isin(ahead) & future.index.duplicated()]):
            raise DataError(f"future: there are several rows for {twice[0]}, expected one")
        return future.loc[ahead]

    def _rows_of_series(self, frame: pd.DataFrame, where: str) -> pd.DataFrame:
        """The rows of the series of the training, where the columns that tell are there; no frame of several."""
        named = {name: value for name, value in self.series.items() if name in frame}
        frame = pick(RawTable(frame, where, "at"), named).frame
        if isinstance(frame.index, pd.DatetimeIndex):
            check_one_series(frame, frame.index, str(frame.index.name), where)
            check_years(frame.index, where, lambda row: f"row {row + 1}", made=True)
        return frame

    def _values(self, frame: pd.DataFrame, names: list[str], part: str, where: str) -> Array:
        for name in names:
            if (count := list(frame.columns).count(name)) != 1:
                found = (
                    f"is missing. {nearest(name, map(str, frame.columns))}" if not count else f"is there {count} times"
                )
                raise DataError(f"{where}: the column {name!r} {found}")
        values = as_numbers(RawTable(frame, where, "at"), names).to_numpy(np.float64)
        if np.isnan(values).any():
            row, column = np.argwhere(np.isnan(values))[0]
            raise DataError(f"{where}: {names[column]!r} is nan at {frame.index[row]}")
        mean, std = (each[: len(names)].numpy() for each in self._scales[part])

        def place(row: int, column: int) -> str:
            return f"{where}: {names[column]!r} is {values[row, column]:g} at {frame.index[row]} and"

        check_network_input((values - mean) / std, place, "It is far from all training rows")
        return values

    def to_plain(self) -> dict[str, Any]:
        """As JSON can write it; floats survive exactly."""
        return {
            "columns": {role: list(names) for role, names in self.columns.items()},
            "scalers": {role: scaler.to_plain() for role, scaler in self.scalers.items()},
            "calendar": list(self.calendar),
            "frequency": self.frequency,
            "timezone": self.timezone,
            "series": dict(self.series),
            "look_back": self.look_back,
            "horizon": self.horizon,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "SeriesPreprocessing":
        """See the base; a frequency or a timezone that pandas does not know is refused too."""
        fields = Fields(plain, "preprocessing.values")
        columns, scalers = fields.fields("columns"), fields.fields("scalers")
        names = {role: columns.names(role, fewest=int(role == "targets")) for role in ROLES}
        found = cls(
            names,
            {role: _scaler(scalers.fields(role), len(names[role])) for role in ROLES},
            tuple(fields.names("calendar")),
            fields.text_or_none("frequency"),
            fields.text_or_none("timezone"),
            fields.texts("series"),
            fields.whole("look_back"),
            fields.whole("horizon"),
        )
        for each in (fields, columns, scalers):
            each.done()
        found._check_times()
        return found

    def _check_times(self) -> None:
        try:
            to_offset(self.frequency)
            pd.Timestamp(0, tz=self.timezone)
        except (ValueError, KeyError, OSError) as error:  # zones come from files by their names
            found = f"frequency {shown(repr(self.frequency))} and timezone {shown(repr(self.timezone))}"
            raise ConfigError(f"its preprocessing has {found}, which pandas does not know: {error}") from error


def _scaler(fields: Fields, channels: int) -> Scaler:
    plain = {"mean": fields.numbers("mean", channels), "std": fields.numbers("std", channels, positive=True)}
    fields.done()
    return Scaler.from_plain(plain)
