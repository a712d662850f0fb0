"""The linear baseline: float32, small whatever the images' size, fitted before the long stages."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from darts_pl.data import digits_data
from darts_pl.genotype import KNOWN
from darts_pl.spaces import CellSpace
from darts_pl.stages.architecture import compare, retrain_summary
from darts_pl.stages.baselines import flat_pixels, linear_baseline
from darts_pl.stages.run import RunFolder


@pytest.mark.parametrize(("side", "kept"), [(8, 8), (32, 32), (33, 32), (64, 32)])
def test_pixels_are_few_and_float32(side: int, kept: int) -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, side, 20, 2), dtype=np.uint8)
    flat = flat_pixels(x)
    assert flat.dtype == np.float32 and flat.shape == (3, kept * 20 * 2)
    if side == kept:
        np.testing.assert_allclose(flat, x.reshape(3, -1) / 255, atol=1e-6)
    if side == 64:
        means = x.reshape(3, 32, 2, 20, 2).mean(axis=2) / 255
        np.testing.assert_allclose(flat, means.reshape(3, -1), atol=1e-6)


def test_more_images_than_a_block() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2001, 2, 2, 1), dtype=np.uint8)
    np.testing.assert_allclose(flat_pixels(x), x.reshape(2001, 4) / 255, atol=1e-6)


def test_large_images_of_two_classes_are_told_apart() -> None:
    """Left half bright or right half bright, 96x80 pixels."""
    y = np.arange(40) % 2
    x = np.random.default_rng(0).integers(0, 100, (40, 96, 80, 3), dtype=np.uint8)
    x[y == 0, :, :40] += 100
    x[y == 1, :, 40:] += 100
    data = SimpleNamespace(train_arrays=lambda: (x[:20], y[:20]), test_arrays=lambda: (x[20:], y[20:]))
    before = x.copy()
    found = linear_baseline(data)
    assert found["test_acc"] == 1.0 and found["pixels"] == "32x32x3" and found["parameters"] == 32 * 32 * 3 + 1
    assert (x == before).all()


def test_it_is_fitted_first_and_listed_last(tmp_path) -> None:
    run = RunFolder.open(tmp_path, command="retrain", config={"seed": 0}, device="cpu")
    data = digits_data(purpose="retrain", batch_size=16, seed=0, limit_train=200, limit_test=100)
    began = []

    def retrain(genotype, stage: str) -> dict:
        began.append((stage, run.done("linear")))
        return {"test_acc": 0.5, "parameters": 1, "seconds": 0.0}

    rows = compare(run, KNOWN["DARTS_V2"], "searched", CellSpace(), retrain, 0, data)
    assert began == [("retrain", True), ("random", True)]
    assert [row["name"] for row in rows] == ["searched", "random architecture", "linear baseline"]
    assert rows[-1]["pixels"] == "8x8x1" and rows[-1]["test_acc"] > 0.7
    assert run.manifest["stages"]["linear"]["inputs"] == {"data": data.fingerprint}


def test_the_closing_table_is_aligned_under_names_of_any_length(tmp_path) -> None:
    run = RunFolder.open(tmp_path, command="retrain", config={"seed": 0}, device="cpu")
    rows = [{"name": name, "test_acc": 0.5, "parameters": 1, "seconds": 0.0} for name in ("short", 40 * "long")]
    results = {"genotype_best": json.loads(KNOWN["DARTS_V2"].to_json()), "monitor": "acc", "rows": rows}
    head, *lines = [line for line in retrain_summary(run, results).splitlines() if line.endswith(("seconds", "0.0"))]
    assert {len(line) for line in lines} == {len(head)} and len(lines) == 2
