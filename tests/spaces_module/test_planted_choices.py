"""Planted problems in somebody's network: what is right by construction is found under every relaxation."""

import pytest
import torch
import torch.nn as nn
from torch import Tensor

import darts_pl
from darts_pl.relaxations import Dirichlet, Gumbel, Sigmoid, Softmax
from darts_pl.relaxations.mixing import SinglePath, full

SAMPLES, BATCH = 256, 32


class Absolute(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


class Negative(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return -x


class Fold(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x - 1).abs()


class Planted(nn.Module):
    """Three answers, one for each kind of choice; no weight can take the place of what is to be chosen."""

    def __init__(self):
        super().__init__()
        self.act = darts_pl.Choice({"same": nn.Identity, "abs": Absolute, "minus": Negative}, "act")
        self.pick = darts_pl.InputChoice(4, 2, "pick")
        self.depth = darts_pl.Repeat(Fold, (0, 3), "depth")
        self.shift = nn.ParameterDict({name: torch.zeros(1) for name in ("act", "pick", "depth")})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {
            "act": self.act(x[:, 0]),
            "pick": self.pick(*x.unbind(1)),
            "depth": self.depth(2 * x[:, 0].abs()),
        }
        return {name: (value + self.shift[name]).unsqueeze(1) for name, value in found.items()}


def batches(seed: int) -> list[tuple[Tensor, dict[str, Tensor]]]:
    """The absolute value; the sum of inputs 1 and 3; two folds."""
    x = torch.randn(SAMPLES, 4, generator=torch.Generator().manual_seed(seed))
    folded = ((2 * x[:, 0].abs() - 1).abs() - 1).abs()
    y = {"act": x[:, 0].abs(), "pick": x[:, 1] + x[:, 3], "depth": folded}
    parts = [range(start, start + BATCH) for start in range(0, SAMPLES, BATCH)]
    return [(x[list(part)], {name: value[list(part)] for name, value in y.items()}) for part in parts]


METHODS = {
    "softmax": (Softmax(), full),
    "sigmoid": (Sigmoid(zero_one_weight=0.1), full),
    "dirichlet": (Dirichlet(), full),
    "snas": (Gumbel(1.0, 0.2), full),
    "gdas": (Gumbel(2.0, 0.5, hard=True), SinglePath()),
}


@pytest.mark.parametrize("method", METHODS)
def test_the_planted_choices_are_found(method):
    relaxation, mixing = METHODS[method]
    config = darts_pl.SearchConfig(
        space=darts_pl.ModuleSpace(Planted),
        epochs=10,
        learning_rate=0.01,
        arch_learning_rate=0.1,
        arch_weight_decay=0.0,
        relaxation=relaxation,
        mixing=mixing,
        guards=False,
    )
    found = darts_pl.search_architecture(batches(1), batches(2), config).last_genotype.choices
    assert {**found, "pick": set(found["pick"])} == {"act": "abs", "pick": {"1", "3"}, "depth": "2"}
