"""Small problems of spaces other than the image cells': a network of one's own, tables, texts."""

import lightning
import torch
import torch.nn as nn
from tiny_runs import BATCH, SEED
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import darts_pl
from darts_pl.data import UserModuleData
from darts_pl.data.tables import breast_cancer_data
from darts_pl.data.text import trec_data
from darts_pl.spaces import DenseSpace, TextSpace

SAMPLES = 96


class Pairs(Dataset):
    """Two inputs and two targets, the inputs noisy in every pass."""

    def __init__(self, samples: int):
        self.left = torch.linspace(-1, 1, samples * 4).sin().view(samples, 4)

    def __len__(self) -> int:
        return len(self.left)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        left = self.left[number] + 0.01 * torch.randn(4)
        right = self.left[number].flip(0)
        return {"left": left, "right": right, "sign": (left.sum() > 0).long(), "size": left.norm()}


class PairsData(lightning.LightningDataModule):
    """Somebody's data module."""

    def __init__(self, samples: int = SAMPLES):
        super().__init__()
        self.samples = samples

    def train_dataloader(self) -> DataLoader:
        return DataLoader(Pairs(self.samples), batch_size=7, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(Pairs(20), batch_size=7)

    test_dataloader = val_dataloader


class PairsNet(nn.Module):
    """Somebody's network: every kind of choice, two inputs, two outputs."""

    def __init__(self, features: int = 6):
        super().__init__()
        width = darts_pl.ChannelChoice([2, 6], "width")
        block = lambda: nn.Sequential(nn.Linear(features, features), nn.Tanh())  # noqa: E731
        self.a, self.b = (nn.Linear(4, features) for _ in range(2))
        self.join = darts_pl.InputChoice(3, 2, "join")
        self.act = darts_pl.Choice({"tanh": nn.Tanh, "linear": block})
        self.depth = darts_pl.Repeat(block, (0, 2), "depth")
        self.narrow = nn.Sequential(nn.Linear(features, width.channels), nn.ReLU(), width)
        self.heads = nn.ModuleDict({"sign": nn.Linear(width.channels, 2), "size": nn.Linear(width.channels, 1)})

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        a, b = self.a(left), self.b(right)
        x = self.narrow(self.depth(self.act(self.join(a, b, a * b))))
        return {name: head(x) for name, head in self.heads.items()}


def pairs_data(**options) -> UserModuleData:
    """`PairsData`, with losses weighed by what is learned."""
    names = {"inputs": ["left", "right"], "targets": ["sign", "size"]}
    common = {"batch_size": BATCH, "seed": SEED, "combine": "uncertainty"}
    return UserModuleData(module=PairsData(), **names, **{**common, **options})


def problem(name: str):
    """(space, data) of a name: own, dense or text."""
    if name == "own":
        return darts_pl.ModuleSpace(PairsNet), pairs_data()
    common = {"purpose": "search", "batch_size": BATCH, "seed": SEED, "limit_train": SAMPLES}
    if name == "dense":
        return DenseSpace(init_channels=8, layers=1), breast_cancer_data(**common)
    return TextSpace(init_channels=8, layers=1, num_nodes=1), trec_data(**common, combine="uncertainty")
