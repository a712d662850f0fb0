"""A trained forecaster as one file: weights, genotype, preprocessing; raw values in, forecasts on their scale out."""

import json
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
from darts_pl.data.series.calendar import calendar_features
from darts_pl.data.series.scaling import Scaler
from darts_pl.errors import DataError, nearest
from darts_pl.genotype import SeriesGenotype
from darts_pl.ops.series import Builder, SeriesShape
from darts_pl.paths import write_atomically
from darts_pl.spaces.series import SeriesSpace
from darts_pl.stages.model_header import FORMAT, VERSION
from darts_pl.stages.provenance import versions

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
        for name, parts in {
            "target": [scalers["targets"].parts],
            "past": [scalers["targets"].parts, scalers["past_covariates"].parts],
            "known": [scalers["future_covariates"].parts, (np.zeros(none), np.ones(none))],
        }.items():
            for index, what in enumerate(("mean", "std")):
                values = np.concatenate([part[index] for part in parts])
                self.register_buffer(f"{name}_{what}", torch.tensor(values, dtype=torch.float32), persistent=False)

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(self.preprocessing["columns"]["targets"])

    def forward(self, past: Tensor, past_known: Tensor | None = None, future_known: Tensor | None = None) -> Tensor:
        """Raw values → forecasts (B, P, Y) on the targets' scale.

        Args:
            past: (B, T, C), targets, then past covariates. past_known, future_known: (B, T, F) and (B, P, F), future
                covariates, then the calendar's features as `calendar_features` gives them; needed where F > 0.

        Raises:
            DataError: a tensor of another shape, or one that is missing.
        """
        x = {"past": self._checked("past", past, self.shape.look_back, self.shape.channels)}
        x["past"] = (x["past"] - self.past_mean) / self.past_std
        if features := self.shape.known_future:
            for name, given, steps in (
                ("past_known", past_known, self.shape.look_back),
                ("future_known", future_known, self.shape.horizon),
            ):
                x[name] = (self._checked(name, given, steps, features) - self.known_mean) / self.known_std
        return self.network(x) * self.target_std + self.target_mean

    def _checked(self, name: str, value: Tensor | None, steps: int, channels: int) -> Tensor:
        if value is None or value.dim() != 3 or value.shape[1:] != (steps, channels):
            found = None if value is None else tuple(value.shape)
            raise DataError(f"{name}: found {found}, expected (batch, {steps}, {channels})")
        return value.to(self.past_mean)

    @torch.no_grad()
    def forecast(self, frame: pd.DataFrame, future: pd.DataFrame | None = None) -> pd.DataFrame:
        """The next P steps after the last row of `frame`: targets as columns, times as index.

        Args:
            frame: indexed by time in steps of the series' frequency, at least T rows, the last T of them are used;
                columns of targets and covariates by name, others are ignored.
            future: the future covariates of the next P steps, where the model has any.

        Raises:
            DataError: too few rows, a missing column, a value that is not finite, times that do not follow each other;
                a model of windows whose times are not known.
        """
        if self.preprocessing["frequency"] is None:
            raise DataError("this model was trained on windows without times. Call it on tensors: model(past)")
        columns, steps = self.preprocessing["columns"], self.shape.look_back
        times = self._times(frame)[-steps:]
        ahead = pd.date_range(times[-1], periods=self.shape.horizon + 1, freq=self._offset())[1:]
        past = _values(frame.iloc[-steps:], [*columns["targets"], *columns["past_covariates"]], "frame")
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
        forecast = self(_batch(past), **batch)[0].double().cpu().numpy()
        return pd.DataFrame(forecast, index=ahead, columns=list(self.target_names))

    def _known(self, frame: pd.DataFrame | None, times: pd.DatetimeIndex, name: str) -> Array:
        names = self.preprocessing["columns"]["future_covariates"]
        given = _values(frame, names, name) if names else np.empty((len(times), 0))
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
        last = times[-self.shape.look_back :]
        expected = pd.date_range(last[0], periods=len(last), freq=self._offset())
        if not expected.equals(last.as_unit(expected.unit)):
            raise DataError(f"frame: times are not in steps of {self.preprocessing['frequency']} from {last[0]} on")
        return times

    def _ahead(self, future: pd.DataFrame | None, ahead: pd.DatetimeIndex) -> pd.DataFrame | None:
        if not self.preprocessing["columns"]["future_covariates"]:
            return None
        missing = ahead.difference(future.index)
        if len(missing):
            raise DataError(f"future: there is no row for {missing[0]}; expected {len(ahead)} steps from {ahead[0]}")
        return future.loc[ahead]


def _values(frame: pd.DataFrame, names: list[str], where: str) -> Array:
    for name in names:
        if name not in frame:
            raise DataError(f"{where}: the column {name!r} is missing. {nearest(name, map(str, frame.columns))}")
    values = frame[names].to_numpy(np.float64)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(f"{where}: {names[column]!r} is {values[row, column]} at {frame.index[row]}")
    return values


def _batch(values: Array) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[None]


def save_series_model(path: Path, network: nn.Module, space: SeriesSpace, *, data, details: dict[str, Any]) -> Path:
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
) -> ForecastModel:
    """The model of a checked header.

    Args:
        fitted: gives the network that a function builds its trained weights. operations: see `load_model`.
    """
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
