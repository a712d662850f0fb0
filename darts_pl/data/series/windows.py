"""Windows gathered from one copy of the rows when a batch needs them, and what all data of windows can be asked."""

from abc import abstractmethod

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from darts_pl.data.base import PairedDataModule
from darts_pl.data.batches import Indexed
from darts_pl.data.series.scaling import Scaler
from darts_pl.errors import ConfigError
from darts_pl.ops.series.shapes import SeriesShape
from darts_pl.tasks import Forecasting


class _RowWindows:
    """Windows of look-back T and horizon P over `rows`, float [R, channels], by the number of their first row."""

    def __init__(self, rows: Tensor, look_back: int, horizon: int):
        self.rows, self.look_back, self.horizon = rows, look_back, horizon

    @property
    def device(self) -> torch.device:
        """Where the rows lie; starts are expected there."""
        return self.rows.device

    def __len__(self) -> int:
        return max(0, len(self.rows) - self.look_back - self.horizon + 1)


class WindowInputs(_RowWindows):
    """What a network sees of the windows that start at given rows.

    `inputs[starts]` for int64 [B] is `{"past": [B, T, C], "past_known": [B, T, F], "future_known": [B, P, F]}`; the
    latter two only where F > 0.

    Args:
        past: float [R, C], targets first. known: float [R, F], F may be 0.
    """

    def __init__(self, past: Tensor, known: Tensor, look_back: int, horizon: int):
        super().__init__(past, look_back, horizon)
        self.known = known

    def __getitem__(self, starts: Tensor) -> dict[str, Tensor]:
        x = {"past": gather(self.rows, starts, self.look_back)}
        if self.known.shape[1]:
            x["past_known"] = gather(self.known, starts, self.look_back)
            x["future_known"] = gather(self.known, starts + self.look_back, self.horizon)
        return x


class WindowTargets(_RowWindows):
    """What is to be forecast in the windows that start at given rows of targets, float [R, Y]: `targets[starts]` is
    float [B, P, Y]."""

    def __getitem__(self, starts: Tensor) -> Tensor:
        return gather(self.rows, starts + self.look_back, self.horizon)


class Windows:
    """All windows of one part, gathered when asked for.

    `windows[i]` for an int64 tensor or a slice of window numbers is `(x, y)` as a network sees them.

    Args:
        inputs, targets: of windows by number. numbers: int64 [W], those of the part.
    """

    def __init__(self, inputs: Indexed, targets: Indexed, numbers: Tensor):
        self.inputs, self.targets, self.numbers = inputs, targets, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, chosen: Tensor | slice) -> tuple[dict[str, Tensor], Tensor]:
        numbers = self.numbers[chosen].to(self.inputs.device)
        return self.inputs[numbers], self.targets[numbers]


class WindowDataModule(PairedDataModule):
    """Base of data whose samples are windows of series; a subclass defines what is abstract here too.

    Args:
        purpose, batch_size, eval_batch_size, seed, limit_train: see `PairedDataModule`; in a retraining the validation
            part validates and nothing is held out.
        eval_stride: in a search validate on every so many-th window of the alphas.
        loss: "mse", "mae" or "huber", see `Forecasting`.
    """

    unit = "window"

    def __init__(
        self,
        *,
        purpose: str = "search",
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        seed: int = 0,
        limit_train: int | None = None,
        eval_stride: int = 1,
        loss: str = "mse",
    ) -> None:
        super().__init__(
            purpose=purpose,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            seed=seed,
            limit_train=limit_train,
        )
        if eval_stride < 1:
            raise ConfigError(f"data.eval_stride={eval_stride}: expected at least 1")
        self.eval_stride = eval_stride
        self._forecasting = Forecasting(loss)

    def default_task(self) -> Forecasting:
        """A forecast, with the loss that was chosen."""
        return self._forecasting

    @property
    @abstractmethod
    def input_shape(self) -> SeriesShape:
        """What a network is built for."""

    @property
    def outputs(self) -> int:
        """Y, the targets."""
        return self.input_shape.targets

    @property
    @abstractmethod
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets, in the order of the channels."""

    @property
    @abstractmethod
    def scaler(self) -> Scaler:
        """Of the targets."""

    @property
    @abstractmethod
    def seasonal_period(self) -> int:
        """Steps of a season, 1 where none is known."""

    @abstractmethod
    def train_targets(self) -> npt.NDArray[np.float64]:
        """float64 [rows, Y], targets of the training rows on the original scale, a season of NaN between rows that do
        not follow each other."""

    def window_times(self, part: str) -> pd.DatetimeIndex | None:
        """The time of the first step that each window of a part forecasts; None where times are not known."""
        return None

    @abstractmethod
    def numbers_of(self, part: str) -> Tensor:
        """int64, the windows of "train", "val" or "test" by number."""

    def windows(self, part: str) -> Windows:
        """All windows of "train", "val" or "test", gathered when asked for."""
        return Windows(*self.samples_of(part), self.numbers_of(part))

    @property
    def validation(self) -> tuple[str, Tensor]:
        """The windows of the alphas (search; every `eval_stride`-th) or the validation part (retraining)."""
        held = self.halves[1]
        return ("val", held) if self.purpose == "retrain" else (self.alphas_part, held[:: self.eval_stride])


def gather(rows: Tensor, first: Tensor, length: int) -> Tensor:
    """`length` rows from each of `first` [B] on: [B, length, channels] of `rows` [R, channels]."""
    index = first[:, None] + torch.arange(length, device=rows.device)  # [B, length]
    return rows.index_select(0, index.reshape(-1)).reshape(len(first), length, rows.shape[1])


def evenly(starts: range, n: int | None) -> Tensor:
    """int64 [min(n, len(starts))]: so many of `starts` at even distances, the first and the last among them; all where
    `n` is None."""
    if n is None or n >= len(starts):
        return torch.arange(starts.start, starts.stop)
    chosen = np.linspace(0, len(starts) - 1, n) if n > 1 else np.zeros(1)
    return torch.from_numpy(np.rint(chosen).astype(np.int64)) + starts.start
