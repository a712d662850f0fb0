"""A data module of windows that a user cut: out of loaders, kept in a file; asked as `SeriesData` is."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from darts_pl.data.series.preprocessing import SeriesPreprocessing
from darts_pl.data.series.scaling import Scaler
from darts_pl.data.series.window_file import WindowFile, WindowPart, read_windows
from darts_pl.data.series.windows import WindowDataModule
from darts_pl.errors import DataError
from darts_pl.ops.series.shapes import SeriesShape

RUN = 8  # equal rows after each other that are no coincidence
HASH_SEED = 20_261_124
Hashes = npt.NDArray[np.uint64]
STRETCHES = 512  # training windows at even distances that the scale of MASE is taken from


class UserWindows(WindowDataModule):
    """Windows of three parts, cut and scaled by whoever made them. Batches are those of `SeriesData`.

    In a search the weights train on the training windows and the alphas on those validation windows that share no time
    step with them (see `disjoint`); in a retraining all training windows train and all validation windows validate.

    Args:
        windows: the parts with facts: `target_names`, `past_names`, `known_names`, `mean` and `std` of the C channels,
            by which the series were standardised, `seasonal_period`.
        paired: see `WindowDataModule`.

    Raises:
        ConfigError: a size below 1. DataError: in `prepare`, parts of different shapes, validation windows that all
            share time steps with training windows, a batch larger than a part.
    """

    def __init__(self, *, windows: WindowFile, **paired: Any) -> None:
        super().__init__(**paired)
        self.file, self.alphas_part = windows, "val"

    def prepare(self) -> None:
        """Check what depends on the windows; see the class."""
        shapes = {name: part.shape for name, part in self.file.parts.items()}
        first, *others = shapes.items()
        for name, shape in others:
            if shape != first[1]:
                raise DataError(f"the windows of {name!r} are of {shape}, those of {first[0]!r} of {first[1]}")
        super().prepare()

    @cached_property
    def halves(self) -> tuple[Tensor, Tensor]:
        """Numbers of the windows: (weights, alphas) in a search, (training, validation) in a retraining."""
        train, val = self._part("train"), self._part("val")
        chosen = _evenly(len(train), self.limit_train)
        if self.purpose == "retrain":
            return chosen, torch.arange(len(val))
        free = disjoint(val, train).nonzero().flatten()
        if not len(free):
            raise DataError(
                f"all {len(val)} validation windows share time steps with training windows, so that the alphas would "
                "be judged on what the weights have seen. Split the series by time before cutting it into windows"
            )
        return chosen, free

    def _part(self, name: str) -> WindowPart:
        if name not in self.file.parts:
            raise DataError(f"there are no {name!r} windows, only {', '.join(map(repr, self.file.parts))}")
        return self.file.parts[name]

    @property
    def input_shape(self) -> SeriesShape:
        """What a network is built for."""
        return self._part("train").shape

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(self._names("target_names", self.outputs, "target"))

    def _names(self, key: str, count: int, kind: str) -> list[str]:
        return list(self.file.facts.get(key) or [f"{kind} {index + 1}" for index in range(count)])

    @property
    def scaler(self) -> Scaler:
        """Of the targets."""
        return self._scaler(slice(0, self.outputs))

    def _scaler(self, channels: slice) -> Scaler:
        count = self.input_shape.channels
        mean, std = self.file.facts.get("mean") or [0.0] * count, self.file.facts.get("std") or [1.0] * count
        return Scaler(np.asarray(mean, np.float64)[channels], np.asarray(std, np.float64)[channels])

    @property
    def seasonal_period(self) -> int:
        """Steps of a season, 1 where none is known."""
        return int(self.file.facts.get("seasonal_period") or 1)

    @property
    def fingerprint(self) -> str:
        """sha256 of windows and facts."""
        return self.file.digest

    def train_targets(self) -> npt.NDArray[np.float64]:
        """float64 [rows, Y], targets of training windows on the original scale, with a season of NaN between windows,
        which need not follow each other."""
        part = self._part("train")
        chosen = _evenly(len(part), STRETCHES)
        rows = torch.cat([part.x["past"][chosen][..., : self.outputs], part.y[chosen]], dim=1)
        between = torch.full((len(rows), self.seasonal_period, self.outputs), torch.nan)
        return np.asarray(self.scaler.inverse(torch.cat([rows, between], dim=1).flatten(0, 1).double().numpy()))

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

    def samples_of(self, part: str) -> tuple[WindowPart, Tensor]:
        """Inputs and targets of a part."""
        windows = self._part(part)
        return windows, windows.y

    def numbers_of(self, part: str) -> Tensor:
        """All numbers of a part's windows."""
        return torch.arange(len(self._part(part)))


class WindowFileData(UserWindows):
    """The windows of a file that `WindowFile.save` wrote; the other arguments are those of `UserWindows`."""

    def __init__(self, path: str, **settings: Any) -> None:
        super().__init__(windows=read_windows(Path(path)), **settings)


def _evenly(count: int, most: int | None) -> Tensor:
    """Numbers of at most `most` of `count` windows at even distances; all where it is None. In float32, other than
    `windows.evenly`: runs of before have these windows."""
    return torch.arange(count) if most is None else torch.linspace(0, count - 1, min(most, count)).round().long()


def disjoint(part: WindowPart, other: WindowPart) -> Tensor:
    """bool [W]: which windows of `part` have no run of 8 equal time steps (of targets) in common with any window of
    `other`; shorter windows are compared whole. Constant runs tell nothing and are left out."""
    length = min(RUN, part.x["past"].shape[1] + part.y.shape[1])
    theirs = _runs(other, length)
    known = np.unique(theirs[0][theirs[1]])
    hashes, telling = _runs(part, length)
    shared = np.isin(hashes, known) & telling
    return torch.from_numpy(~shared.any(axis=1))


def _runs(part: WindowPart, length: int) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """(a hash of every run of `length` rows in every window, whether the run varies), both [W, runs]."""
    targets = part.y.shape[2]
    rows = torch.cat([part.x["past"][..., :targets], part.y], dim=1).numpy() + 0.0  # -0.0 becomes 0.0
    # A row is hashed by its bits times odd numbers, a run by its rows' hashes times odd numbers of their places: sums
    # in 64 bits, so that runs are compared by one number each instead of window by window.
    bits = np.ascontiguousarray(rows, "<f4").view("<u4").astype(np.uint64)
    generator = np.random.default_rng(HASH_SEED)
    odd = generator.integers(0, 2**63, size=targets, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    row = (bits * odd).sum(axis=2, dtype=np.uint64)
    row ^= row >> np.uint64(29)
    places = generator.integers(0, 2**63, size=length, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    runs = rows.shape[1] - length + 1
    hashes = sum((row[:, k : k + runs] * places[k] for k in range(length)), np.zeros((len(row), runs), np.uint64))
    still = np.ones((len(row), runs), bool)
    for k in range(1, length):
        still &= row[:, k : k + runs] == row[:, :runs]
    return hashes, ~still
