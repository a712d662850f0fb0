"""A trained forecaster as one file: weights, genotype, preprocessing; raw values in, forecasts on their scale out."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import torch.nn as nn
from pandas.tseries.frequencies import to_offset
from torch import Tensor

from darts_pl.bounded.tensors import write_tensors
from darts_pl.bounded.texts import shown
from darts_pl.data.delimited import RawTable
from darts_pl.data.series import WindowDataModule
from darts_pl.data.series.calendar import calendar_features
from darts_pl.data.series.columns import as_numbers
from darts_pl.data.series.epochs import check_years
from darts_pl.data.series.magnitude import check_given, too_coarse
from darts_pl.data.series.scaling import Scaler, in_float64
from darts_pl.data.series.several import check_one_series, pick
from darts_pl.errors import DataError, RunError, nearest
from darts_pl.genotype import SeriesGenotype
from darts_pl.ops.series import Builder, SeriesShape
from darts_pl.paths import write_atomically
from darts_pl.spaces.series import SeriesSpace
from darts_pl.stages.model_header import FORMAT, VERSION
from darts_pl.stages.provenance import versions

log = logging.getLogger("darts_pl")

Array = npt.NDArray[np.float64]
SHAPE = ("look_back", "horizon", "targets", "past_covariates", "known_future")
COLUMNS = ("targets", "past_covariates", "future_covariates")


class ForecastModel(nn.Module):
    """A network with its preprocessing, ready for raw values.

    Attributes:
        genotype; details (metrics and settings of the training); shape (a `SeriesShape`); preprocessing: `columns`,
        `scalers`, `calendar`, `frequency`, `timezone`, `look_back`, `horizon`, see `SeriesData.preprocessing`.
    """

    def __init__(self, network: nn.Module, *, genotype: SeriesGenotype, shape, preprocessing: dict, details: dict):
        super().__init__()
        self.network, self.genotype, self.shape = network, genotype, shape
        self.preprocessing, self.details = preprocessing, details
        scalers = {name: Scaler.from_dict(preprocessing["scalers"][name]) for name in COLUMNS}
        none = len(preprocessing["calendar"])  # calendar features come as the network takes them
        calendar = Scaler(np.zeros(none), np.ones(none))
        # plain tensors, so that `to` and `half` leave them in float64
        self._scales = {
            "past": _joined(scalers["targets"], scalers["past_covariates"]),
            "known": _joined(scalers["future_covariates"], calendar),
            "target": _joined(scalers["targets"]),
        }
        self._rough = {
            name: float(mean.abs().max())
            for name, (mean, std) in self._scales.items()
            if too_coarse(mean[None].numpy(), std.numpy()).any()
        }

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(self.preprocessing["columns"]["targets"])

    def forward(self, past: Tensor, past_known: Tensor | None = None, future_known: Tensor | None = None) -> Tensor:
        """Raw values → forecasts (B, P, Y) on the targets' scale, float64. Both scales are left and reached in float64:
        float32 holds a swing of 50 around ten million in steps of 1.

        Args:
            past: (B, T, C), targets, then past covariates; float64 where values are far from 0. past_known,
                future_known: (B, T, F) and (B, P, F), future covariates, then the calendar's features as
                `calendar_features` gives them; needed where F > 0.

        Raises:
            DataError: a tensor of another shape, or one that is missing.
        """
        x = {"past": self._scaled("past", past, self.shape.look_back, self.shape.channels)}
        if features := self.shape.known_future:
            for name, given, steps in (
                ("past_known", past_known, self.shape.look_back),
                ("future_known", future_known, self.shape.horizon),
            ):
                x[name] = self._scaled(name, given, steps, features)
        output = in_float64(self.network(x))
        mean, std = (part.to(output.device) for part in self._scales["target"])
        return output * std + mean

    def _scaled(self, name: str, value: Tensor | None, steps: int, channels: int) -> Tensor:
        if value is None or value.dim() != 3 or value.shape[1:] != (steps, channels):
            found = None if value is None else tuple(value.shape)
            raise DataError(f"{name}: found {found}, expected (batch, {steps}, {channels})")
        part = "past" if name == "past" else "known"
        if part in self._rough and value.dtype != torch.float64:
            log.warning("%s: %s holds values up to %.3g roughly. Give float64", name, value.dtype, self._rough[part])
        value, like = in_float64(value), next(self.network.parameters())
        mean, std = (each.to(value.device) for each in self._scales[part])
        return ((value - mean) / std).to(like.device, like.dtype)

    @torch.no_grad()
    def forecast(self, frame: pd.DataFrame, future: pd.DataFrame | None = None) -> pd.DataFrame:
        """The next P steps after the last row of `frame`: targets as columns, times as index.

        Args:
            frame: indexed by time in steps of the series' frequency, at least T rows, the last T of them are used;
                columns of targets and covariates by name, others are ignored. Where the model was trained on one series
                of several (`data.series`) and the columns that name it are there, the rows of that series are taken.
            future: the future covariates of the next P steps, where the model has any.

        Raises:
            DataError: too few rows, a missing column, a value that is no finite number or too large, times that do not
                follow each other, several series; a model of windows whose times are not known.
            ConfigError: no row of the model's series.
        """
        if self.preprocessing["frequency"] is None:
            raise DataError("this model was trained on windows without times. Call it on tensors: model(past)")
        columns, steps = self.preprocessing["columns"], self.shape.look_back
        frame = self._picked(frame, "frame")
        times = self._times(frame)[-steps:]
        ahead = pd.date_range(times[-1], periods=self.shape.horizon + 1, freq=self._offset())[1:]
        past = self._values(frame.iloc[-steps:], [*columns["targets"], *columns["past_covariates"]], "past", "frame")
        known = {"past_known": None, "future_known": None}
        if self.shape.known_future:
            names = columns["future_covariates"]
            if names and future is None:
                raise DataError(
                    f"future: found None, expected {', '.join(names)} of {len(ahead)} steps from {ahead[0]}"
                )
            rows = {"past_known": (frame.iloc[-steps:], times), "future_known": (self._ahead(future, ahead), ahead)}
            known = {name: self._known(part, when, name) for name, (part, when) in rows.items()}
        batch = {name: value if value is None else _batch(value) for name, value in known.items()}
        forecast = self(_batch(past), **batch)[0].cpu().numpy()
        return pd.DataFrame(forecast, index=ahead, columns=list(self.target_names))

    def _known(self, frame: pd.DataFrame | None, times: pd.DatetimeIndex, name: str) -> Array:
        names = self.preprocessing["columns"]["future_covariates"]
        given = self._values(frame, names, "known", name) if names else np.empty((len(times), 0))
        return np.concatenate([given, calendar_features(times, self.preprocessing["calendar"])], axis=1)

    def _offset(self):
        return to_offset(self.preprocessing["frequency"])

    def _times(self, frame: pd.DataFrame) -> pd.DatetimeIndex:
        if not isinstance(frame.index, pd.DatetimeIndex):
            raise DataError("frame: found an index that holds no times. Use frame.set_index(<time column>)")
        if len(frame) < self.shape.look_back:
            raise DataError(f"frame: found {len(frame)} rows, expected at least {self.shape.look_back}")
        times, zone = frame.index, self.preprocessing["timezone"]
        if (times.tz is None) != (zone is None):
            raise DataError(f"frame: its times have timezone {times.tz}, those of the training {zone}")
        times = times if zone is None else times.tz_convert(zone)
        if (back := np.flatnonzero(times[1:] <= times[:-1])).size:
            at = int(back[0]) + 1
            raise DataError(
                f"frame: times are not in steps of {self.preprocessing['frequency']}: {times[at]} comes after "
                f"{times[at - 1]}, in row {at + 1}. Expected the rows of one series in the order of their times"
            )
        last = times[-self.shape.look_back :]
        expected = pd.date_range(last[0], periods=len(last), freq=self._offset())
        if not expected.equals(last.as_unit(expected.unit)):
            raise DataError(f"frame: times are not in steps of {self.preprocessing['frequency']} from {last[0]} on")
        return times

    def _ahead(self, future: pd.DataFrame | None, ahead: pd.DatetimeIndex) -> pd.DataFrame | None:
        if not self.preprocessing["columns"]["future_covariates"]:
            return None
        future = self._picked(future, "future")
        missing = ahead.difference(future.index)
        if len(missing):
            raise DataError(f"future: there is no row for {missing[0]}; expected {len(ahead)} steps from {ahead[0]}")
        if len(twice := future.index[future.index.isin(ahead) & future.index.duplicated()]):
            raise DataError(f"future: there are several rows for {twice[0]}, expected one")
        return future.loc[ahead]

    def _picked(self, frame: pd.DataFrame, where: str) -> pd.DataFrame:
        """The rows of the series of the training, where the columns that tell are there; no frame of several."""
        named = {name: value for name, value in self.preprocessing["series"].items() if name in frame}
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

        check_given((values - mean) / std, place, "It is far from all training rows")
        return values


def _joined(*scalers: Scaler) -> tuple[Tensor, Tensor]:
    """Means and standard deviations of all channels, float64."""
    mean, std = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*(each.parts for each in scalers)))
    return mean, std


def _batch(values: Array) -> Tensor:
    return torch.tensor(values)[None]


def save_series_model(
    path: Path, network: nn.Module, space: SeriesSpace, *, data: WindowDataModule, details: dict[str, Any]
) -> Path:
    """Write `network` of `space`, trained on `data` (a `SeriesData`, whose preprocessing is taken), to `path`."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "genotype": json.loads(network.genotype.to_json()),
        "space": space.settings(),
        "shape": {name: getattr(data.input_shape, name) for name in SHAPE},
        "preprocessing": data.preprocessing(),
        "details": details,
        "versions": versions(),
    }
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    return write_atomically(path, lambda temporary: write_tensors(temporary, state, {"header": json.dumps(header)}))


def load_series_model(
    header: Mapping[str, Any],
    genotype: SeriesGenotype,
    fitted: Callable[[Callable[[], nn.Module]], nn.Module],
    operations: Mapping[str, Builder] | None,
    where: str,
) -> ForecastModel:
    """The model of a checked header.

    Args:
        fitted: gives the network that a function builds its trained weights. operations: see `load_model`. where: the
            file, for messages.

    Raises:
        RunError: a frequency or a timezone that there is not.
    """
    _check_times(header["preprocessing"], where)
    shape = SeriesShape(**header["shape"])

    def build() -> nn.Module:
        return SeriesSpace(**header["space"], operations=operations).network(genotype, shape, shape.targets)

    return ForecastModel(
        fitted(build),
        genotype=genotype,
        shape=shape,
        preprocessing=header["preprocessing"],
        details=header["details"],
    )


def _check_times(preprocessing: Mapping[str, Any], where: str) -> None:
    frequency, zone = preprocessing["frequency"], preprocessing["timezone"]
    try:
        to_offset(frequency)
        pd.Timestamp(0, tz=zone)
    except (ValueError, KeyError, OSError) as error:  # zones come from files by their names
        found = f"frequency {shown(repr(frequency))} and timezone {shown(repr(zone))}"
        raise RunError(f"{where}: its preprocessing has {found}, which pandas does not know: {error}") from error
