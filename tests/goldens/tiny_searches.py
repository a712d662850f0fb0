"""Searches of a fixed seed that take a second each, through the Python face alone."""

import functools

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import darts_pl
from darts_pl.relaxations import Dirichlet, Gumbel
from darts_pl.relaxations.mixing import PartialChannels

SAMPLES, CLASSES = 48, 3


def images() -> tuple[TensorDataset, TensorDataset]:
    """Two halves of images (1, 8, 8) whose class is told by where they are bright."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(2 * SAMPLES) % CLASSES
    x = torch.rand(2 * SAMPLES, 1, 8, 8, generator=generator)
    x[torch.arange(2 * SAMPLES), 0, 2 * y] += 1
    return TensorDataset(x[:SAMPLES], y[:SAMPLES]), TensorDataset(x[SAMPLES:], y[SAMPLES:])


def conv(kernel: int, channels: int = 4) -> nn.Module:
    """A candidate of `Net`."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel, padding=kernel // 2), nn.BatchNorm2d(channels), nn.ReLU()
    )


class Net(nn.Module):
    """Every kind of choice."""

    def __init__(self, outputs: int):
        super().__init__()
        width = darts_pl.ChannelChoice([2, 4], "width")
        three, five = functools.partial(conv, 3), functools.partial(conv, 5)
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.block = darts_pl.Choice({"conv3": three, "conv5": five})
        self.deep = darts_pl.Repeat(three, depth=(0, 2))
        self.join = darts_pl.InputChoice(3, 2)
        self.cell = darts_pl.Cell({"conv3": three, "same": nn.Identity}, nodes=2, label="cell", output="mean")
        self.narrow = nn.Sequential(nn.Conv2d(4, width.channels, 1), nn.ReLU(), width)
        self.head = nn.Linear(width.channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.block(x)
        y = self.join(x, y, self.deep(y))
        return self.head(self.narrow(self.cell(y, x)).mean((2, 3)))


def search_cells() -> dict[str, Tensor]:
    """The alphas of image cells under DrNAS, two epochs."""
    config = darts_pl.SearchConfig(
        epochs=2,
        layers=3,
        init_channels=4,
        num_nodes=2,
        batch_size=16,
        arch_learning_rate=0.05,
        relaxation=Dirichlet(),
        mixing=PartialChannels(),
        guards=False,
    )
    return darts_pl.search_architecture(*images(), config, device="cpu", verbose=False).alphas


def search_own_network() -> dict[str, Tensor]:
    """The alphas of a network of one's own under SNAS, two epochs."""
    space = darts_pl.ModuleSpace(Net)
    config = darts_pl.SearchConfig(
        space=space, epochs=2, batch_size=16, arch_learning_rate=0.05, relaxation=Gumbel(), guards=False
    )
    return darts_pl.search_architecture(*images(), config, device="cpu", verbose=False).alphas


def windows(rows: Tensor, look_back: int = 16, horizon: int = 4) -> DataLoader:
    """Windows of a series, shuffled."""
    starts = range(len(rows) - look_back - horizon + 1)
    x = torch.stack([rows[start : start + look_back] for start in starts])
    y = torch.stack([rows[start + look_back : start + look_back + horizon] for start in starts])
    return DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)


def search_series() -> dict[str, Tensor]:
    """The alphas of a forecasting network, two epochs."""
    rows = torch.sin(torch.arange(200)[:, None] / torch.tensor([4.0, 7.0]))
    trainer = darts_pl.DARTSTrainer(input_dim=2, hidden_dims=[8], forecast_horizon=4, seq_length=16, seed=0)
    model = trainer.create_model({"primitives": ["identity", "tcn", "dlinear"], "patch_length": 8})
    trainer.train_darts_model(model, windows(rows[:120]), windows(rows[120:]), epochs=2)
    return {name: value.detach() for name, value in model.named_parameters() if "alphas" in name}


SEARCHES = {"cells": search_cells, "own_network": search_own_network, "series": search_series}
