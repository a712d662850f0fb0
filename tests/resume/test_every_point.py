"""Stopped anywhere, resumed, the same result bit for bit: from every point that a run writes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_runs import KeepEveryPoint, assert_same_run, load_final, tiny_retrain, tiny_search

from darts_pl.genotype import KNOWN
from darts_pl.hypergradient import finite_difference, first
from darts_pl.relaxations import Gumbel, Softmax

STEPS_AN_EPOCH = 3


def check_every_point(run: Callable[[Path], object], folder: Path, steps: list[int]) -> None:
    """Run whole in `folder`, keeping every point; then go on from each in a copy of the run as it was there.

    Args:
        steps: the steps done at each of the expected points.
    """
    whole = folder / "whole"
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(whole, folder / "points", patch)
        run(whole)
    points = [torch.load(point / "checkpoints" / "last.ckpt", weights_only=True) for point in kept.folders]
    assert [point["steps_done"] for point in points] == steps
    for point in kept.folders:
        run(point)
        assert_same_run(point, whole)


@pytest.mark.parametrize(
    ("hypergradient", "relaxation"),
    [(first, Softmax), (finite_difference, Gumbel)],
    ids=["first", "finite_difference and gumbel"],
)
def test_a_search(hypergradient: Callable, relaxation: type, tmp_path: Path) -> None:
    run = lambda folder: tiny_search(folder, hypergradient, relaxation=relaxation)  # noqa: E731
    check_every_point(run, tmp_path, steps=[1, 2, 3, 3, 4, 5, 6, 6])


def test_a_finished_fit_is_not_trained_again(tmp_path: Path) -> None:
    """Killed after the last step and before the stage was marked complete: only final.ckpt tells."""
    genotype = tiny_search(tmp_path / "run", first, epochs=1)
    before = load_final(tmp_path / "run")
    (tmp_path / "run" / "manifest.json").unlink()
    assert tiny_search(tmp_path / "run", first, epochs=1) == genotype
    after = load_final(tmp_path / "run")
    assert after["steps_done"] == before["steps_done"] == STEPS_AN_EPOCH


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"holdout": 0.25}, [1, 2, 3, 3, 4, 5, 6, 6]),
        ({"batch_size": 96, "epochs": 3}, [1, 2]),
    ],
    ids=["without validation", "with validation", "one step an epoch"],
)
def test_a_retraining_with_drop_path_and_auxiliary_head(settings: dict, steps: list[int], tmp_path: Path) -> None:
    run = lambda folder: tiny_retrain(folder, KNOWN["DARTS_V2"], **settings)  # noqa: E731
    check_every_point(run, tmp_path, steps)


def test_a_difference_would_be_noticed(tmp_path: Path) -> None:
    """The comparison itself can fail: a point with one weight changed does not end where the whole run ends."""
    whole, changed = tmp_path / "whole", tmp_path / "changed"
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(whole, tmp_path / "points", patch)
        tiny_search(whole, first, epochs=1)
    point = kept.folders[0].rename(changed) / "checkpoints" / "last.ckpt"
    content = torch.load(point, weights_only=True)
    content["state_dict"]["supernet.head.weight"][0, 0] += 1e-3
    torch.save(content, point)
    tiny_search(changed, first, epochs=1)
    with pytest.raises(AssertionError, match="supernet"):
        assert_same_run(changed, whole)
