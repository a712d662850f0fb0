"""`train.use_bilevel_optimization=false`: alphas are trained on the weights' own batches."""

from pathlib import Path

import numpy as np
import pytest
from pipeline_series import TARGETS, TRAIN, hourly, parts_from, write_csv

from darts_pl.stages.pipeline.halving import search_candidate

SETTINGS = {
    "hidden_dim": 8,
    "layers": 1,
    "num_nodes": 1,
    "primitives": ["identity", "grn", "dlinear"],
    "tokens": ["steps"],
    "normalizations": ["revin"],
    "heads": 2,
}


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The series, and one that differs in the rows of the alphas' half only."""
    frame, folder = hourly(), tmp_path_factory.mktemp("series")
    other = frame.copy()
    half = slice(TRAIN // 2, TRAIN - 1)
    other.loc[half, TARGETS] += np.random.default_rng(2).standard_normal((TRAIN // 2, len(TARGETS)))
    return [write_csv(folder / "one.csv", frame), write_csv(folder / "other.csv", other)]


@pytest.mark.parametrize("bilevel", [True, False])
def test_what_the_alphas_are_trained_on(series: list[Path], tmp_path: Path, bilevel: bool) -> None:
    """Unscaled, so that the values of one half do not reach the other by their mean."""
    alphas, losses = [], []
    for csv in series:
        words = ["data.scaling=none", "train.epochs=1", "multi_fidelity.rungs=1"]
        parts = parts_from(csv, *words, f"train.use_bilevel_optimization={str(bilevel).lower()}")
        folder = tmp_path / csv.stem
        found = search_candidate(parts, identifier="c0", settings=SETTINGS, folder=str(folder), until=1)
        losses.append(found["val_mse"])
        with np.load(folder / "alphas.npz") as kept:
            alphas.append({name: kept[name] for name in kept.files if name.startswith("alpha_")})
    assert losses[0] != losses[1]  # both validate on the alphas' half
    assert all(np.ptp(values, axis=0).max() > 0 for values in alphas[0].values())
    same = [np.array_equal(values, alphas[1][name]) for name, values in alphas[0].items()]
    assert not any(same) if bilevel else all(same)
