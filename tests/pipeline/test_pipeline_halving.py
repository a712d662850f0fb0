"""Successive halving: when rungs end, who survives them, and that a search does not notice its rungs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pipeline_series import FinishedRun, parts_from
from tiny_runs import assert_same_run as assert_same_search

from darts_pl.errors import ConfigError, TrainingError
from darts_pl.ops.series import TokenGrid, register
from darts_pl.stages.pipeline.halving import rung_epochs, search_candidate, survivors

SETTINGS = {
    "mode": "mamba",
    "hidden_dim": 8,
    "layers": 1,
    "num_nodes": 1,
    "primitives": ["identity", "grn", "dlinear"],
    "tokens": ["patches", "variates"],
    "patch_length": 8,
    "heads": 2,
    "dropout": 0.1,
}


@pytest.mark.parametrize(
    ("settings", "ends"),
    [
        ({"epochs": 8, "rungs": 1, "eta": 2}, [8]),
        ({"epochs": 8, "rungs": 2, "eta": 2}, [4, 8]),
        ({"epochs": 9, "rungs": 3, "eta": 3}, [1, 3, 9]),
        ({"epochs": 10, "rungs": 3, "eta": 3}, [2, 4, 10]),  # 10/9 and 10/3 rounded up
        ({"epochs": 8, "rungs": 3, "eta": 3, "warmup": 1}, [2, 3, 8]),  # not within the warm-up
    ],
)
def test_rungs_end_eta_times_as_early(settings: dict, ends: list[int]) -> None:
    assert rung_epochs(**settings) == ends


@pytest.mark.parametrize("settings", [{"epochs": 2, "rungs": 3}, {"epochs": 8, "rungs": 2, "warmup": 7}])
def test_rungs_that_would_end_together_are_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match=rf"multi_fidelity.rungs={settings['rungs']} with eta=2: .*fewer rungs"):
        rung_epochs(eta=2, **settings)


@pytest.mark.parametrize(
    ("losses", "eta", "left"),
    [
        ({"a": 3.0, "b": 1.0, "c": 2.5, "d": 2.0, "e": 0.5}, 2, ["e", "b", "d"]),
        ({"a": 3.0, "b": 1.0, "c": 2.0, "d": 4.0}, 4, ["b"]),
        ({"b": 1.0, "a": 1.0, "c": 1.0}, 3, ["b"]),  # ties to the earlier
        ({"a": 1.0}, 3, ["a"]),
    ],
)
def test_survivors_by_hand(losses: dict[str, float], eta: int, left: list[str]) -> None:
    assert survivors(losses, eta) == left


def search(csv: Path, folder: Path, until: int) -> dict:
    """Search up to an epoch of three, with parts made anew as in another worker."""
    parts = parts_from(csv, "train.epochs=3")
    return search_candidate(parts, identifier="c0", settings=SETTINGS, folder=str(folder), until=until)


def test_a_search_may_use_part_of_the_windows(csv: Path) -> None:
    """Of 109 in each half; training what was derived uses all 249."""
    parts = parts_from(csv, "train.max_windows=40")
    weights, alphas = parts.search_data().halves
    assert (len(weights), len(alphas)) == (20, 20) and weights[-1] < alphas[0]
    assert len(parts.final_data().halves[0]) == 249


def test_a_search_in_rungs_is_the_search_without_them(csv: Path, tmp_path: Path) -> None:
    """Weights, alphas, optimisers, genotypes and every row of the history."""
    whole = search(csv, tmp_path / "whole", 3)
    first, second, last = (search(csv, tmp_path / "rungs", until) for until in (1, 2, 3))
    assert last == whole and (first["epochs"], second["epochs"]) == (1, 2)
    assert_same_search(tmp_path / "rungs", tmp_path / "whole")
    with np.load(tmp_path / "whole" / "alphas.npz") as kept:
        moved = {name: np.ptp(kept[name], axis=0).max() for name in kept.files if name.startswith("alpha")}
    assert moved and min(moved.values()) > 0  # a search whose alphas stand still would be equal too
    losses = pd.read_csv(tmp_path / "whole" / "history.csv")["val_mse"]
    assert (first["val_mse"], whole["val_mse"]) == (losses[0], losses.min())


@pytest.mark.usefixtures("operations_restored")
def test_a_validation_that_is_not_finite_fails_the_candidate(csv: Path, tmp_path: Path) -> None:
    """Training sees nothing of it, and a rung cannot rank it."""

    @register("lost_in_evaluation", family="mine")
    class Lost(torch.nn.Module):
        def __init__(self, grid: TokenGrid):
            super().__init__()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if self.training else x / 0.0

    settings = {**SETTINGS, "primitives": ["identity", "lost_in_evaluation"]}
    with pytest.raises(TrainingError, match="validation mse is nan at epoch 1"):
        search_candidate(parts_from(csv), identifier="c0", settings=settings, folder=str(tmp_path / "c0"), until=1)


def test_the_better_half_went_on(whole: FinishedRun) -> None:
    rungs, promoted = whole.table("search/rungs.csv"), whole.json("search/promoted.json")
    first, second = (rungs[rungs["rung"] == rung] for rung in (0, 1))
    assert list(first["id"]) == promoted and len(promoted) == 4
    kept = first.sort_values("val_mse")["id"].iloc[:2]
    assert set(first[first["kept"]]["id"]) == set(second["id"]) == set(kept)
    assert set(first["epochs"]) == {1} and set(second["epochs"]) == {2} and second["kept"].all()
    for row in second.itertuples():
        history = pd.read_csv(whole.path / "search" / row.id / "history.csv")
        assert len(history) == 2 and row.val_mse == pytest.approx(history["val_mse"].min(), rel=1e-12)
    for row in first[~first["kept"]].itertuples():
        assert len(pd.read_csv(whole.path / "search" / row.id / "history.csv")) == 1
        manifest = json.loads((whole.path / "search" / row.id / "manifest.json").read_text())
        assert manifest["stages"]["search"]["status"] == "paused"
