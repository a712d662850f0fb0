"""Each relaxation, mixing and hypergradient, interrupted twice: the same result bit for bit."""

from pathlib import Path

import pytest
import torch
from tiny_runs import KeepEveryPoint, assert_same_run, tiny_search, tiny_space

from darts_pl.hypergradient import exact, first, fixed
from darts_pl.relaxations import Dirichlet, Gumbel, Sigmoid, Softmax, Uniform
from darts_pl.relaxations.mixing import PartialChannels, SinglePath
from darts_pl.rules import AuxiliarySkip, SDARTSRandom

PARTS = {
    "dirichlet and partial": {"relaxation": lambda: Dirichlet(kl_weight=1e-3), "mixing": PartialChannels(2)},
    "gumbel and single_path": {"relaxation": lambda: Gumbel(hard=True), "mixing": SinglePath()},
    "gumbel": {"relaxation": Gumbel},
    "sigmoid": {"relaxation": Sigmoid},
    "softmax and partial": {"relaxation": Softmax, "mixing": PartialChannels(2)},
    "uniform and single_path": {"relaxation": Uniform, "mixing": SinglePath(), "hypergradient": fixed},
    "exact": {"relaxation": Softmax, "hypergradient": exact},
    "sdarts_rs": {"relaxation": Softmax, "rules": [SDARTSRandom()]},
    "auxiliary_skip": {"relaxation": Softmax, "rules": [AuxiliarySkip()]},
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_a_search_goes_on(parts: dict, tmp_path: Path) -> None:
    settings = {"hypergradient": first, **parts}

    def run(folder: Path) -> None:
        tiny_search(folder, space=tiny_space(init_channels=4), **settings)

    whole = tmp_path / "whole"
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(whole, tmp_path / "points", patch)
        run(whole)
    for point in kept.folders[1:5:3]:
        steps = torch.load(point / "checkpoints" / "last.ckpt", weights_only=True)["steps_done"]
        assert 0 < steps < 6
        run(point)
        assert_same_run(point, whole)
