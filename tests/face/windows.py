"""Loaders of windows for the Python face, cut from a series that was split by time first."""

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

import darts_pl

LOOK_BACK, HORIZON = 24, 8


def series(rows: int = 700, seed: int = 0) -> Tensor:
    """float32 [rows, 2]: two noisy waves."""
    noise, t = np.random.default_rng(seed).standard_normal((rows, 2)), np.arange(rows)
    waves = np.stack([np.sin(t / 6), np.cos(t / 9)], axis=1)
    return torch.tensor(waves + 0.1 * noise, dtype=torch.float32)


def loader(rows: Tensor, batch_size: int = 32, shuffle: bool = False, targets: int = 2) -> DataLoader:
    """All windows of the rows."""
    starts = range(len(rows) - LOOK_BACK - HORIZON + 1)
    x = torch.stack([rows[i : i + LOOK_BACK] for i in starts])
    y = torch.stack([rows[i + LOOK_BACK : i + LOOK_BACK + HORIZON, :targets] for i in starts])
    return DataLoader(TensorDataset(x, y), batch_size, shuffle=shuffle)


def loaders(**settings) -> tuple[DataLoader, DataLoader, DataLoader]:
    """Training, validation and test; later ones begin one look-back earlier, as the standard protocol has it."""
    rows = series()
    parts = rows[:350], rows[350 - LOOK_BACK : 520], rows[520 - LOOK_BACK :]
    train, val, test = (loader(part, **settings) for part in parts)
    return train, val, test


def small_config() -> darts_pl.DARTSConfig:
    """Candidates that are searched in a second."""
    config = darts_pl.DARTSConfig()
    space, fidelity = config.space, config.multi_fidelity
    space.modes, space.layers, space.num_nodes, space.patch_lengths = ["encoder_only"], [1], [1], [8]
    space.operations, space.operations_per_candidate = ["identity", "grn", "dlinear", "time_conv"], [2, 3]
    space.tokens, space.attentions = ["patches", "variates"], ["none", "full"]
    fidelity.proxies, fidelity.repeats, fidelity.max_samples = ["params", "naswot", "synflow"], 2, 16
    config.final.random_architectures, config.final.baselines = 1, ["last value", "dlinear"]
    config.final.baseline_epochs, fidelity.choice_epochs = 2, 1
    return config


def trainer(**settings) -> darts_pl.DARTSTrainer:
    """A trainer for these windows."""
    return darts_pl.DARTSTrainer(2, [8], HORIZON, LOOK_BACK, **{"device": "cpu", "config": small_config(), **settings})
