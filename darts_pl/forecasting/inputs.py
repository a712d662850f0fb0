"""From what Python hands over (loaders, a scaler, a device) to what the stages take, and from their files back."""

import copy
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from numpy.typing import ArrayLike

from darts_pl.bounded.tables import read_table
from darts_pl.data.series.window_file import WindowFile, windows_of_loader
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.lit.isolation import random_state_kept
from darts_pl.ops.series import SeriesShape
from darts_pl.schema import DARTSConfig
from darts_pl.seeds import derived_seed
from darts_pl.spaces.series import SeriesSupernet

WINDOWS = "windows.safetensors"
SEARCHED = ("searched", "derived", "chosen")  # statuses in candidates.csv


@runtime_checkable
class SklearnScaler(Protocol):
    """What a fitted scaler of scikit-learn has, arrays of one number a channel; None for what it leaves alone."""

    mean_: ArrayLike | None
    scale_: ArrayLike | None


@runtime_checkable
class MeanAndStd(Protocol):
    """What a `Scaler` has, one number a channel."""

    @property
    def mean(self) -> ArrayLike:
        """What is taken away from the values."""
        ...

    @property
    def std(self) -> ArrayLike:
        """What they are divided by then."""
        ...


AnyScaler: TypeAlias = SklearnScaler | MeanAndStd


@dataclass(frozen=True)
class DataFacts:
    """What a plan asks of data, where there are none yet."""

    input_shape: SeriesShape
    facts: Mapping[str, Any]

    @property
    def seasonal_period(self) -> int:
        """Steps of a season."""
        return int(self.facts["seasonal_period"])


def facts(
    shape: SeriesShape, scaler: AnyScaler | None, seasonal_period: int, target_names: Sequence[str] | None
) -> dict[str, Any]:
    """What is known of the windows besides their values; see `UserWindows`.

    Raises:
        ConfigError: a scaler of other channels or of scales that cannot be divided by, a name too many or too few,
            a season below 1.
    """
    if seasonal_period < 1:
        raise ConfigError(f"seasonal_period={seasonal_period}: expected at least 1")
    if target_names is not None and len(target_names) != shape.targets:
        raise ConfigError(f"target_names: found {len(target_names)}, expected {shape.targets}, one a target")
    found: dict[str, Any] = {
        "seasonal_period": seasonal_period,
        "target_names": None if target_names is None else list(target_names),
    }
    if scaler is None:
        return found
    mean, std = _scales(scaler)
    if mean is None or std is None or np.shape(mean) != (shape.channels,) or np.shape(std) != (shape.channels,):
        raise ConfigError(
            f"scaler: found {type(scaler).__name__} of mean {_shape(mean)} and scale {_shape(std)}, expected a "
            f"fitted scaler of {shape.channels} channels, such as scikit-learn's StandardScaler"
        )
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (np.asarray(std) > 0).all()):
        raise ConfigError(f"scaler: found the mean {mean} and scale {std}, expected finite numbers and scales above 0")
    return {**found, "mean": np.asarray(mean, float).tolist(), "std": np.asarray(std, float).tolist()}


def _scales(scaler: object) -> tuple[ArrayLike | None, ArrayLike | None]:
    """(mean, scale) of a scaler's channels, None for what it does not have."""
    if isinstance(scaler, SklearnScaler):
        return scaler.mean_, scaler.scale_
    return (scaler.mean, scaler.std) if isinstance(scaler, MeanAndStd) else (None, None)


def _shape(values: ArrayLike | None) -> tuple[int, ...]:
    return () if values is None else np.shape(values)


def data_node(path: Path | str, loss: str) -> dict[str, Any]:
    """The node `data` of a configuration for windows in a file."""
    return {"_target_": "darts_pl.data.series.windows_data", "path": str(path), "loss": loss}


def check_settings(config: DARTSConfig) -> None:
    """Raises ConfigError where `config` holds what a trainer is told otherwise."""
    for key, instead in (("data", "give loaders"), ("resume", "give a method the folder of the run")):
        if getattr(config, key):
            raise ConfigError(f"config.{key}: found {getattr(config, key)!r}, expected nothing: {instead}")


def check_batch_size(settings: Mapping[str, Any]) -> None:
    """Raises ConfigError where a size is asked for that the loaders have settled."""
    if "batch_size" in settings:
        raise ConfigError("batch_size: batches have the size of the first one of train_loader. Set it there")


def check_names(found: Iterable[str], known: Sequence[str], section: str) -> None:
    """Raises ConfigError for a name that is not among `known`, with the nearest."""
    for name in found:
        if name not in known:
            raise ConfigError(f"{section}: unknown argument {name!r}. {nearest(name, known)}")


def collected(
    loaders: Mapping[str, Iterable], shape: SeriesShape, known: Mapping[str, Any], seed: int
) -> tuple[WindowFile, int]:
    """(all windows of the loaders, the size of a training batch). A loader that shuffles does so by `seed`,
    but for one with a generator of its own.

    Raises:
        DataError: batches of another form or shape, an empty loader, values that are not finite.
    """
    parts, sizes = {}, {}
    with random_state_kept():
        for part, loader in loaders.items():
            torch.manual_seed(derived_seed(seed, "loader", part))
            parts[part], sizes[part] = windows_of_loader(loader, f"{part}_loader")
            if parts[part].shape != shape:
                found = f"found windows of {parts[part].shape}, the trainer was made for {shape}"
                raise DataError(f"{part}_loader: {found}")
    return WindowFile(parts, dict(known)), sizes["train"]


def factory_of(model: nn.Module) -> Callable[[], nn.Module] | None:
    """Makes a supernet like `model` with fresh weights; None for models that were built elsewhere."""
    if not isinstance(model, SeriesSupernet):
        return None

    def factory() -> nn.Module:
        mixing = next(model.choices()).mixing
        relaxation = copy.deepcopy(model.relaxation)
        return model.space.supernet(model.shape, model.shape.targets, relaxation=relaxation, mixing=mixing)

    return factory


def check_may_start_workers() -> None:
    """Raises ConfigError in a worker that is being started, where a script without a guard begins the run again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ConfigError(
            "worker processes import the script that started them. Put what starts the search under `if __name__ == "
            '"__main__":`'
        )


def search_results(folder: Path, results: Mapping[str, Any]) -> dict[str, Any]:
    """What `multi_fidelity_search` returns of a run's files."""
    rows = read_table(folder / "candidates.csv").to_dict("records")
    stats = folder / "stats.csv"
    searched = next(row for row in results["rows"] if row["name"] == "searched")
    return {
        "candidates": rows,
        "top_candidates": [row for row in rows if row["status"] != "screened" and not pd.isna(row["score"])],
        "trained_candidates": [row for row in rows if row["status"] in SEARCHED],
        "best_candidate": next(row for row in rows if row["status"] == "chosen"),
        "final_results": {"final_metrics": searched, "rows": results["rows"], "notes": results["notes"]},
        "stats": read_table(stats).to_dict("records") if stats.is_file() else None,
        "folder": folder,
    }
