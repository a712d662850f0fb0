"""A data module of windows that were handed over, with the face of `SeriesData`."""

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from darts_pl.data.series.loaders import WindowLoaders, evenly
from darts_pl.data.series.overlap import apart
from darts_pl.data.series.preprocessing import SeriesPreprocessing
from darts_pl.data.series.scaling import Scaler
from darts_pl.data.series.window_file import GivenFile, GivenPart, read_windows
from darts_pl.errors import ConfigError, DataError
from darts_pl.ops.series.shapes import SeriesShape
from darts_pl.tasks import Forecasting

STRETCHES = 512  # training windows at even distances that the scale of MASE is taken from


class GivenWindows(WindowLoaders):
    """Windows of three parts, cut and scaled by whoever made them. Batches are those of `SeriesData`.

    In a search the weights train on the training windows and the alphas on those validation windows that share no time
    step with them (see `overlap`); in a retraining all training windows train and all validation windows validate.

    Args:
        windows: the parts with facts: `target_names`, `past_names`, `known_names`, `mean` and `std` of the C channels,
            by which the series were standardised, `seasonal_period`.
        purpose, batch_size, eval_batch_size, seed, loss, limit_train, eval_stride: as in `SeriesData`.

    Raises:
        ConfigError: a size below 1. DataError: in `prepare`, parts of different shapes, validation windows that all
            share time steps with training windows, a batch larger than a part.
    """

    alphas_part = "val"

    def __init__(
        self,
        *,
        windows: GivenFile,
        purpose: str = "search",
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        seed: int = 0,
        loss: str = "mse",
        limit_train: int | None = None,
        eval_stride: int = 1,
    ):
        super().__init__()
        for name, value in (("batch_size", batch_size), ("limit_train", limit_train), ("eval_stride", eval_stride)):
            if value is not None and value < 1:
                raise ConfigError(f"data.{name}={value}: expected at least 1")
        self.given, self.purpose, self.seed = windows, purpose, seed
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size or 4 * batch_size
        self.limit_train, self.eval_stride, self.elapsed_epochs = limit_train, eval_stride, 0
        self.task = Forecasting(loss)

    def prepare(self) -> None:
        """Check what depends on the windows; see the class."""
        shapes = {name: part.shape for name, part in self.given.parts.items()}
        first, *others = shapes.items()
        for name, shape in others:
            if shape != first[1]:
                raise DataError(f"the windows of {name!r} are of {shape}, those of {first[0]!r} of {first[1]}")
        super().prepare()

    @cached_property
    def halves(self) -> tuple[Tensor, Tensor]:
        """Numbers of the windows: (weights, alphas) in a search, (training, validation) in a retraining."""
        train, val = self._part("train"), self._part("val")
        chosen = evenly(len(train), self.limit_train)
        if self.purpose == "retrain":
            return chosen, torch.arange(len(val))
        free = apart(val, train).nonzero().flatten()
        if not len(free):
            raise DataError(
                f"all {len(val)} validation windows share time steps with training windows, so that the alphas would "
                "be judged on what the weights have seen. Split the series by time before cutting it into windows"
            )
        return chosen, free

    def _part(self, name: str) -> GivenPart:
        if name not in self.given.parts:
            raise DataError(f"there are no {name!r} windows, only {', '.join(map(repr, self.given.parts))}")
        return self.given.parts[name]

    @property
    def input_shape(self) -> SeriesShape:
        """What a network is built for."""
        return self._part("train").shape

    @property
    def outputs(self) -> int:
        """Y, the targets."""
        return self.input_shape.targets

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(self._names("target_names", self.outputs, "target"))

    def _names(self, key: str, count: int, kind: str) -> list[str]:
        return list(self.given.facts.get(key) or [f"{kind} {index + 1}" for index in range(count)])

    @property
    def scaler(self) -> Scaler:
        """Of the targets."""
        return self._scaler(slice(0, self.outputs))

    def _scaler(self, channels: slice) -> Scaler:
        count = self.input_shape.channels
        mean, std = self.given.facts.get("mean") or [0.0] * count, self.given.facts.get("std") or [1.0] * count
        return Scaler(np.asarray(mean, np.float64)[channels], np.asarray(std, np.float64)[channels])

    @property
    def seasonal_period(self) -> int:
        """Steps of a season, 1 where none is known."""
        return int(self.given.facts.get("seasonal_period") or 1)

    @property
    def fingerprint(self) -> str:
        """sha256 of windows and facts."""
        return self.given.digest

    def train_targets(self) -> npt.NDArray[np.float64]:
        """float64 [rows, Y], targets of training windows on the original scale, with a season of NaN between windows,
        which need not follow each other."""
        part = self._part("train")
        chosen = evenly(len(part), STRETCHES)
        rows = torch.cat([part.x["past"][chosen][..., : self.outputs], part.y[chosen]], dim=1)
        apart_ = torch.full((len(rows), self.seasonal_period, self.outputs), torch.nan)
        return self.scaler.inverse(torch.cat([rows, apart_], dim=1).flatten(0, 1).double().numpy())

    @property
    def preprocessing(self) -> SeriesPreprocessing:
        """As `SeriesData.preprocessing`; the times of such windows are not known."""
        shape, targets = self.input_shape, self.outputs
        known = self._names("known_names", shape.known_future, "known")
        none = Scaler(np.zeros(shape.known_future), np.ones(shape.known_future))
        return SeriesPreprocessing(
            columns={
                "targets": list(self.target_names),
                "past_covariates": self._names("past_names", shape.past_covariates, "past"),
                "future_covariates": known if shape.known_future else [],
            },
            scalers={
                "targets": self.scaler,
                "past_covariates": self._scaler(slice(targets, None)),
                "future_covariates": none,
            },
            calendar=(),
            frequency=None,
            timezone=None,
            series={},
            look_back=shape.look_back,
            horizon=shape.horizon,
        )

    def window_times(self, part: str) -> None:
        """Nothing is known of times."""

    def gatherers_of(self, part: str) -> tuple[GivenPart, Tensor]:
        """Inputs and truth of a part."""
        given = self._part(part)
        return given, given.y

    def every(self, part: str) -> Tensor:
        """All numbers of a part's windows."""
        return torch.arange(len(self._part(part)))


def windows_data(path: str, **settings) -> GivenWindows:
    """The windows of a file that `GivenFile.save` wrote; keyword arguments go to `GivenWindows`."""
    return GivenWindows(windows=read_windows(Path(path)), **settings)
