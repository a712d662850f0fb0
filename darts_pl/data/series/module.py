"""The LightningDataModule of series: paired blocks for a search, the standard three parts for a retraining."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from darts_pl.data.base import Source, check_share, check_source
from darts_pl.data.delimited import RawTable
from darts_pl.data.series.calendar import calendar_names
from darts_pl.data.series.frequency import seasonal_period
from darts_pl.data.series.options import check_choices, check_dates, check_device, check_gaps, check_sizes, check_times
from darts_pl.data.series.preprocessing import SeriesPreprocessing
from darts_pl.data.series.scaling import Scaler
from darts_pl.data.series.series import Series, load_series, without_constants
from darts_pl.data.series.split import (
    Cuts,
    check_lengths,
    date_cuts,
    ett_cuts,
    paired_blocks,
    ratio_cuts,
    window_starts,
)
from darts_pl.data.series.windowed import WindowedSeries
from darts_pl.data.series.windows import WindowDataModule, WindowInputs, WindowTargets, evenly
from darts_pl.ops.series.shapes import SeriesShape


class SeriesData(WindowDataModule):
    """Windows of a series for a search or a retraining, standardised by the training rows.

    A batch is `(x, y)` with `x = {"past": [B, T, C], "past_known": [B, T, F], "future_known": [B, P, F]}` (float32; the
    latter two where F > 0) and `y` float32 [B, P, Y]; in a search `{"weights": (x, y), "alphas": (x, y)}`. C holds the
    targets, then the past covariates; F the future covariates, then the calendar. The loaders themselves add a key,
    `(x, y, key)`, which `on_after_batch_transfer` takes off.

    Args:
        source: gives the table: `RawTableFile`, `RawTableFrame` or one's own.
        look_back, horizon: T and P in steps, any ratio of the two.
        time: the time column; None takes the one named date, time, timestamp, datetime or ds.
        series: column → value, where the table holds several series: which rows are read.
        time_format: as `strptime` takes it, or "unix_s", "unix_ms", "unix_us" or "unix_ns" for what is counted since
            1970 ("unix" is the first of them); None reads ISO 8601.
        timezone: the zone of stamps without an offset; stamps with one are moved to it.
        frequency: as pandas writes it (h, 15min, D, W-SAT, MS); None infers it.
        targets: columns to forecast; None takes all numeric ones that are not covariates.
        past_covariates, future_covariates: further inputs, known up to now or over the horizon too.
        calendar: features of the time (`calendar.FEATURES`), "auto" by frequency, or [] for none.
        split: "ett" (12, 4, 4 months of 30 days), "ratio" by `ratios`, or "dates" by `val_start` and `test_start`.
        scaling: "standard" or "none".
        missing: "refuse", "interpolate" or "forward_fill". duplicates: "refuse", "last" or "mean" of the rows of one
            time in one series; those of several series are refused whatever this says.
        unsorted: "refuse" or "sort". gaps: "refuse" or "fill" steps left out, whose values `missing` then gives.
        constant: columns constant over the training rows: "refuse", "drop" or "keep".
        weights_fraction: the weights' share of the training rows in a search. alphas_block: "last" or "first" in time.
        seasonal_period: steps of a season for MASE and seasonal forecasts; None by frequency.
        storage_device: where the rows are kept, "cpu" by default.
        paired: see `WindowDataModule`; `limit_train` takes windows at even distances, validation and test stay whole.

    Raises:
        ConfigError: an unknown choice or a value out of range. What is wrong with the data shows in `prepare`.
    """

    def __init__(
        self,
        *,
        source: Source[RawTable],
        look_back: int = 96,
        horizon: int = 96,
        time: str | None = None,
        series: Mapping[str, Any] | None = None,
        time_format: str | None = None,
        timezone: str | None = None,
        frequency: str | None = None,
        targets: Sequence[str] | None = None,
        past_covariates: Sequence[str] = (),
        future_covariates: Sequence[str] = (),
        calendar: str | Sequence[str] = "auto",
        split: str = "ratio",
        ratios: Sequence[float] = (0.7, 0.1, 0.2),
        val_start: str | None = None,
        test_start: str | None = None,
        scaling: str = "standard",
        missing: str = "refuse",
        duplicates: str = "refuse",
        unsorted: str = "refuse",
        gaps: str = "refuse",
        constant: str = "refuse",
        weights_fraction: float = 0.5,
        alphas_block: str = "last",
        seasonal_period: int | None = None,
        storage_device: str | None = None,
        **paired: Any,
    ) -> None:
        super().__init__(**paired)
        check_source(source, "RawTableFile, RawTableFrame")
        check_choices(split=split, scaling=scaling, constant=constant, alphas_block=alphas_block)
        check_choices(missing=missing, duplicates=duplicates, unsorted=unsorted, gaps=gaps)
        check_gaps(gaps, missing)
        check_sizes(look_back=look_back, horizon=horizon, seasonal_period=seasonal_period)
        check_dates(split, val_start, test_start)
        calendar_names(calendar, "year")
        check_times(series or {}, time_format, frequency)
        check_share(weights_fraction)
        self.look_back, self.horizon, self.weights_fraction = look_back, horizon, weights_fraction
        self.calendar, self.split, self.ratios = calendar, split, ratios
        self.val_start, self.test_start = val_start, test_start
        self.scaling, self.constant, self.alphas_block = scaling, constant, alphas_block
        self.storage_device = torch.device(storage_device or "cpu")
        self.season_chosen = seasonal_period
        check_device(self.storage_device)
        self.series_chosen = dict(series or {})
        self._load = partial(
            load_series,
            source,
            time=time,
            series=self.series_chosen,
            time_format=time_format,
            timezone=timezone,
            frequency=frequency,
            targets=targets,
            past_covariates=past_covariates,
            future_covariates=future_covariates,
            missing=missing,
            duplicates=duplicates,
            unsorted=unsorted,
            gaps=gaps,
        )

    @cached_property
    def windowed(self) -> WindowedSeries:
        """The series with its parts, its scaling and its calendar."""
        loaded = self._load()
        cuts = self._cut(loaded)
        check_lengths(cuts, self.look_back, self.horizon, loaded.name)
        return WindowedSeries(
            without_constants(loaded, cuts.train, self.constant),
            cuts,
            self.look_back,
            self.horizon,
            scaling=self.scaling,
            calendar=self.calendar,
            device=self.storage_device,
        )

    @cached_property
    def blocks(self) -> tuple[range, range]:
        """Rows of (weights, alphas) in a search; no time step is in both."""
        sizes = self.windowed.cuts.train, self.look_back, self.horizon, self.weights_fraction, self.alphas_block
        return paired_blocks(*sizes, self.windowed.series.name)

    @cached_property
    def halves(self) -> tuple[Tensor, Tensor]:
        """First rows of the windows, int64: (weights, alphas) in a search, (training, validation) in a retraining."""
        if self.purpose == "retrain":
            return evenly(self.windowed.starts("train"), self.limit_train), evenly(self.windowed.starts("val"), None)
        starts = [window_starts(block, self.look_back, self.horizon) for block in self.blocks]
        total = sum(map(len, starts))
        limit = self.limit_train
        limits = [None if limit is None else max(1, round(limit * len(part) / total)) for part in starts]
        weights, alphas = (evenly(part, n) for part, n in zip(starts, limits))
        return weights, alphas

    @property
    def scaler(self) -> Scaler:
        """Of the targets."""
        return self.windowed.scalers["targets"]

    @property
    def input_shape(self) -> SeriesShape:
        """What a network is built for."""
        return self.windowed.shape

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets, in the order of the channels."""
        return self.windowed.series.roles.targets

    @property
    def frequency(self) -> str:
        """The step, as pandas writes it."""
        return self.windowed.series.offset.freqstr

    @property
    def seasonal_period(self) -> int:
        """Steps of a season: as given, else by frequency."""
        return self.season_chosen or seasonal_period(self.windowed.series.offset)

    @property
    def fingerprint(self) -> str:
        """sha256 of the values, times, names and roles, cuts, sizes of the windows, scaling and calendar."""
        return self.windowed.fingerprint

    @cached_property
    def preprocessing(self) -> SeriesPreprocessing:
        """What has to be done to further rows of the series before a network sees them."""
        return self.windowed.preprocessing({column: str(value) for column, value in self.series_chosen.items()})

    def train_targets(self) -> npt.NDArray[np.float64]:
        """float64 [rows, Y], the targets of the training rows on the original scale."""
        return self.windowed.train_targets()

    def window_times(self, part: str) -> pd.DatetimeIndex:
        """The time of the first step that each window of a part forecasts."""
        return self.windowed.window_times(part)

    def samples_of(self, part: str) -> tuple[WindowInputs, WindowTargets]:
        """The same for every part: windows are numbered by their first rows."""
        return self.windowed.samples

    def numbers_of(self, part: str) -> Tensor:
        """The first rows of all windows of "train", "val" or "test"."""
        return evenly(self.windowed.starts(part), None)

    def _cut(self, series: Series) -> Cuts:
        if self.split == "ett":
            return ett_cuts(len(series.times), series.offset, series.name)
        if self.split == "ratio":
            return ratio_cuts(len(series.times), self.ratios)
        return date_cuts(series.times, self.val_start, self.test_start, series.name)
