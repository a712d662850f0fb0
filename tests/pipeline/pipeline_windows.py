"""Windows of the hourly series in numpy, apart from the library: what forecasts are held against."""

import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import sliding_window_view
from pipeline_series import HORIZON, LOOK_BACK, TARGETS, TEST, TRAIN

COLUMNS = [*TARGETS, "wind"]
Y = len(TARGETS)


def scale_of(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(mean, standard deviation) of the columns over the training rows."""
    train = frame[COLUMNS].to_numpy()[:TRAIN]
    return train.mean(axis=0), train.std(axis=0)


def standardised(frame: pd.DataFrame) -> np.ndarray:
    """[rows, C]."""
    mean, std = scale_of(frame)
    return (frame[COLUMNS].to_numpy() - mean) / std


def calendar(times: pd.DatetimeIndex) -> np.ndarray:
    """[rows, 4], what hourly data get: each from -0.5 to 0.5."""
    parts = [(times.hour, 0, 23), (times.day_of_week, 0, 6), (times.day, 1, 31), (times.day_of_year, 1, 366)]
    return np.stack([(np.asarray(part) - low) / (high - low) - 0.5 for part, low, high in parts], axis=1)


def windows(rows: np.ndarray, part: str) -> tuple[np.ndarray, np.ndarray]:
    """(look-backs [W, T, C], what follows [W, P, C]) of all windows that forecast rows of "val" or "test"."""
    first, stop = {"val": (TRAIN, TEST), "test": (TEST, len(rows))}[part]
    every = sliding_window_view(rows[first - LOOK_BACK : stop], LOOK_BACK + HORIZON, axis=0).transpose(0, 2, 1)
    return every[:, :LOOK_BACK], every[:, LOOK_BACK:]


def inputs(frame: pd.DataFrame, part: str, values: np.ndarray | None = None) -> dict[str, torch.Tensor]:
    """What a network sees of these windows; `values` in the place of the standardised ones."""
    past, _ = windows(standardised(frame) if values is None else values, part)
    known, ahead = windows(calendar(pd.DatetimeIndex(frame["date"])), part)
    arrays = {"past": past, "past_known": known, "future_known": ahead}
    return {name: torch.tensor(array, dtype=torch.float32) for name, array in arrays.items()}


def truth(frame: pd.DataFrame, part: str) -> np.ndarray:
    """[W, P, Y], standardised."""
    return windows(standardised(frame), part)[1][..., :Y]
