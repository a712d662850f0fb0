"""Sampled relaxations and other mixings, interrupted at every point: the same result bit for bit."""

from pathlib import Path

import pytest
import torch
from tiny_runs import KeepEveryPoint, assert_same_run, tiny_search, tiny_space

from darts_pl.hypergradient import first
from darts_pl.relaxations import Dirichlet, Gumbel
from darts_pl.relaxations.mixing import PartialChannels, SinglePath

PARTS = {
    "dirichlet and partial": {"relaxation": lambda: Dirichlet(kl_weight=1e-3), "mixing": PartialChannels(2)},
    "gumbel and single_path": {"relaxation": lambda: Gumbel(hard=True), "mixing": SinglePath()},
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_a_search_with_samples(parts: dict, tmp_path: Path) -> None:
    def run(folder: Path) -> None:
        tiny_search(folder, first, space=tiny_space(init_channels=4), **parts)

    whole = tmp_path / "whole"
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(whole, tmp_path / "points", patch)
        run(whole)
    for point in kept.folders[1:5:3]:
        steps = torch.load(point / "checkpoints" / "last.ckpt", weights_only=True)["steps_done"]
        assert 0 < steps < 6
        run(point)
        assert_same_run(point, whole)
