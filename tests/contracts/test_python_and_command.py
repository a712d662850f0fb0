"""Phases, selections and derivations chosen in Python give what the command gives, to the bit, on the same digits."""

import sys
from functools import partial

import numpy as np
import pytest
import torch

from darts_pl import Perturbation, Phase, SearchConfig, genotype, search, search_architecture
from darts_pl.data import digits_data
from darts_pl.derive import skip_limit, threshold
from darts_pl.errors import ConfigError
from darts_pl.relaxations import Gumbel, Sigmoid
from darts_pl.relaxations.mixing import PartialChannels
from darts_pl.rules import SkipDropout
from darts_pl.spaces import CellSpace

PRIMITIVES = ("none", "skip_connect", "max_pool_3x3", "avg_pool_3x3", "sep_conv_3x3", "dil_conv_3x3")
SIZES = {"init_channels": 4, "layers": 3, "num_nodes": 1}
DATA = {"batch_size": 16, "crop_padding": 1, "flip": False, "limit_train": 32, "limit_test": 32}
WORDS = [
    *("epochs=3", "alpha_warmup_epochs=0", "arch_learning_rate=0.0003", "batch_size=16", "seed=3"),
    *("+data.limit_train=32", "+data.limit_test=32", "retraining=none", "hardware.accelerator=cpu"),
    *(f"space.{name}={size}" for name, size in SIZES.items()),
    f"space.primitives=[{','.join(PRIMITIVES)}]",
]
PDARTS = [
    Phase(layers=3, alpha_warmup_share=0.4),
    Phase(layers=4, keep=5, alpha_warmup_share=0.4),
    Phase(layers=5, keep=3, alpha_warmup_share=0.4),
]
METHODS = {
    "P-DARTS": (
        ["phases=pdarts_small", "rule=skip_dropout", "derivation=skip_limit"],
        {"phases": PDARTS, "rules": [SkipDropout()], "derivation": partial(skip_limit, limit=2, kinds=["normal"])},
    ),
    "DARTS-PT": (
        ["selection=perturbation", "selection.tune_epochs=1"],
        {"selection": Perturbation(tune_epochs=1)},
    ),
    "FairDARTS": (
        ["relaxation=sigmoid", "derivation=threshold", "derivation.threshold=0.5", "space.num_nodes=2"],
        {"relaxation": Sigmoid(), "derivation": partial(threshold, threshold=0.5), "num_nodes": 2},
    ),
}


def config(**changes) -> SearchConfig:
    """The settings of `WORDS` in Python."""
    sizes = {**SIZES, **{name: changes.pop(name) for name in SIZES if name in changes}}
    space = CellSpace(primitives=PRIMITIVES, **sizes)
    return SearchConfig(**{"space": space, "epochs": 3, "seed": 3, "learning_rate": 0.05, **changes})


@pytest.mark.parametrize(
    "method",
    [each if each == "P-DARTS" else pytest.param(each, marks=pytest.mark.slow) for each in METHODS],
)
def test_a_method_is_the_same_from_python_and_by_the_command(method, tmp_path, monkeypatch, capsys):
    words, changes = METHODS[method]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["darts_pl.search", *WORDS, *words, "hydra.run.dir=run"])
    assert search.main() == 0, capsys.readouterr().err
    found = search_architecture(digits_data(purpose="search", seed=3, **DATA), config=config(**changes))
    with np.load("run/alphas.npz") as arrays:
        for kind, alpha in found.alphas.items():
            assert torch.equal(torch.from_numpy(arrays[f"alpha_{kind}"][-1]), alpha)
    assert found.genotype == genotype.read("run/genotype_best.json")
    assert found.last_genotype == genotype.read("run/genotype_last.json")
    assert (found.selection is None) == (method != "DARTS-PT")


def test_loaders_take_every_part_too():
    """With batches of one's own, of which the last is smaller, in two phases and with a selection."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(44) % 2
    x = torch.randn(44, 1, 8, 8, generator=generator) + (y - 0.5).view(-1, 1, 1, 1)
    loaders = [[(x[n : n + 8], y[n : n + 8]) for n in range(start, start + 20, 8)] for start in (0, 22)]
    phases = [Phase(channel_divisor=2), Phase(channel_divisor=1, keep=2, continues=True)]
    parts = {"mixing": PartialChannels(2), "relaxation": Gumbel(), "selection": Perturbation(tune_epochs=1)}
    one, other = (
        search_architecture(*loaders, config(phases=phases, arch_learning_rate=0.1, **parts)) for _ in range(2)
    )
    assert one.genotype == other.genotype and one.selection == other.selection
    assert [row["epoch"] for row in one.history] == [1, 2, 3]
    assert one.selection["decisions"] == 4 and 0 <= one.selection["val_acc"] <= 1


def test_parts_that_do_not_go_together_are_told_as_by_the_command():
    data = digits_data(purpose="search", seed=3, **DATA)
    with pytest.raises(ConfigError, match="hardly ever reach a threshold"):
        search_architecture(data, config=config(derivation=partial(threshold, threshold=0.5)))
    with pytest.raises(ConfigError, match=r"epochs=3: a search in 4 phases"):
        search_architecture(data, config=config(phases=[Phase()] * 4))
    with pytest.raises(ConfigError, match='expected purpose="search"'):
        search_architecture(digits_data(purpose="retrain", seed=3, **DATA), config=config())
    with pytest.raises(ConfigError, match="expected nothing beside a data module"):
        search_architecture(data, data, config=config())
