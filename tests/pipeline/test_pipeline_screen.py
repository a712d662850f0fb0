"""Scores, ranks and who is promoted, from figures written down by hand."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from pipeline_series import HORIZON, LOOK_BACK, TARGETS, TRAIN, hourly, parts_from

from darts_pl.errors import RunError, TrainingError
from darts_pl.ops.series import TokenGrid, register
from darts_pl.proxies import PROXIES, Proxy
from darts_pl.stages.jobs import FunctionJob, Workers
from darts_pl.stages.pipeline.screen import check_any, promote, score_table, screen, screen_candidate
from darts_pl.stages.run import RunFolder

PROXY_NAMES = ["params", "zico"]
EQUAL = {"params": 1.0, "zico": 1.0}
SETTINGS = {
    "mode": "encoder_only",
    "hidden_dim": 8,
    "layers": 1,
    "num_nodes": 1,
    "primitives": ["identity", "grn"],
    "tokens": ["steps"],
    "attentions": ["none", "full"],
    "heads": 2,
}


def figures(params: float | None, zico: float | None, error: str | None = None) -> dict:
    """What a screening job leaves."""
    if error:
        return {"error": error}
    scores = {name: {"mean": value, "std": None} for name, value in (("params", params), ("zico", zico))}
    return {"parameters": 10 * int(params), "proxies": scores, "error": None}


FOUND = {
    "c0": figures(3.0, 1.0),
    "c1": figures(None, None, "ValueError: no"),
    "c2": figures(1.0, 2.0),
    "c3": figures(2.0, 9.0),
    "c4": figures(1.0, None),
}
# Ranks of c0, c2, c3, c4 from 0 to 3: params 3, 0.5, 2, 0.5; zico 1, 2, 3, 0, what is missing ranking lowest. Their
# means over 3: c0 (1 + 1/3)/2, c2 (1/6 + 2/3)/2, c3 (2/3 + 1)/2, c4 (1/6 + 0)/2.
SCORES = {"c3": 5 / 6, "c0": 2 / 3, "c2": 5 / 12, "c4": 1 / 12}


def test_scores_and_ranks_by_hand() -> None:
    table = score_table(FOUND, PROXY_NAMES, EQUAL)
    assert list(table.index) == ["c3", "c0", "c2", "c4", "c1"]
    assert table["score"].iloc[:4].to_dict() == pytest.approx(SCORES)
    assert list(table["rank"]) == [1, 2, 3, 4, 5]
    assert table.loc["c3", "parameters"] == 20 and table.loc["c3", "zico_mean"] == 9.0


def test_a_weight_of_its_own() -> None:
    """Zero for zico: c2 and c4 tie, and stay in the order of the candidates."""
    table = score_table(FOUND, PROXY_NAMES, {"params": 2.0, "zico": 0.0})
    assert list(table.index) == ["c0", "c3", "c2", "c4", "c1"]
    assert table["score"].iloc[:4].tolist() == pytest.approx([1, 2 / 3, 1 / 6, 1 / 6])


def test_a_failed_candidate_is_last_and_has_no_score() -> None:
    last = score_table(FOUND, PROXY_NAMES, EQUAL).iloc[-1]
    assert last.name == "c1" and pd.isna(last["score"]) and last["error"] == "ValueError: no"


def test_the_failed_ones_change_no_other_score() -> None:
    sound = {name: each for name, each in FOUND.items() if name != "c1"}
    with_failed = score_table(FOUND, PROXY_NAMES, EQUAL)["score"].iloc[:4]
    pd.testing.assert_series_equal(with_failed, score_table(sound, PROXY_NAMES, EQUAL)["score"], check_dtype=False)


def test_the_best_with_a_score_are_promoted(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path, command="pipeline", config={"seed": 0}, device="cpu")
    table = score_table(FOUND, PROXY_NAMES, EQUAL)
    (tmp_path / "screen").mkdir()
    table.to_csv(tmp_path / "screen" / "scores.csv")
    assert promote(run, table, 2) == ["c3", "c0"]
    assert promote(run, table, 9) == ["c3", "c0", "c2", "c4"]


def test_nothing_left_ends_the_run_and_is_tried_again(tmp_path: Path) -> None:
    failed = {name: {"error": f"ValueError: {name}"} for name in ("c0", "c1")}
    jobs = [FunctionJob(name, screen_candidate, tmp_path / f"{name}.json") for name in failed]
    for job in jobs:
        job.write(failed[job.name])
    table = score_table(failed, PROXY_NAMES, EQUAL)
    assert table["score"].isna().all()
    with pytest.raises(RunError, match=r"screening: all 2 failed.*c0: ValueError: c0"):
        check_any(failed, jobs, "screening")
    assert not any(job.done for job in jobs)
    jobs[0].write(failed["c0"])
    check_any({**failed, "c2": {"error": None}}, jobs, "screening")
    assert jobs[0].done


def test_a_screening_that_all_fail_is_not_done(csv: Path, tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path, command="pipeline", config={"seed": 0}, device="cpu")
    pool = {name: {**SETTINGS, "heads": 3} for name in ("c0", "c1")}
    asked = {"proxies": ["params"], "repeats": 1, "num_batches": 1, "max_samples": 4}
    with (
        Workers(partial(parts_from, csv), 1, tmp_path) as workers,
        pytest.raises(RunError, match=r"screening: all 2 failed.*c0: ConfigError: space.hidden_dim=8 does not divide"),
    ):
        screen(run, workers, pool, weights={"params": 1.0}, timeout_s=60, collect_stats=False, **asked)
    assert not run.done("screen") and not (tmp_path / "screen" / "scores.csv").exists()
    assert run.manifest["stages"]["screen"]["failed"] == ["c0", "c1"]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list:
    """The batches that a proxy `seen` was given."""
    found: list = []

    def score(network: torch.nn.Module, batches: Sequence, loss: Callable) -> float:
        found.extend(batches)
        return float(len(batches))

    monkeypatch.setitem(PROXIES, "seen", Proxy("seen", score))
    return found


MEASURING = {"proxies": ["params", "seen"], "repeats": 1, "num_batches": 2, "max_samples": 13}


def test_proxies_see_windows_of_the_weights_half_only(csv: Path, seen: list) -> None:
    """Rows 0 to 139 of 280 for training, standardised by all 280; 13 windows in two batches are 6 each."""
    parts = parts_from(csv)
    found = screen_candidate(parts, identifier="c0", settings=SETTINGS, **MEASURING)
    values = hourly()[TARGETS].to_numpy()
    rows = ((values - values[:TRAIN].mean(axis=0)) / values[:TRAIN].std(axis=0))[: TRAIN // 2]
    windows = sliding_window_view(rows, LOOK_BACK + HORIZON, axis=0).transpose(0, 2, 1)
    assert [len(y) for _, y in seen] == [6, 6]
    for x, y in seen:
        given = np.concatenate([x["past"][..., : len(TARGETS)].numpy(), y.numpy()], axis=1)
        apart = np.abs(given[:, None] - windows[None]).max(axis=(2, 3))
        assert apart.min(axis=1).max() < 1e-5
    weights = parts.make_space(SETTINGS).supernet(
        parts.search_data().input_shape, len(TARGETS), relaxation=parts.relaxation, mixing=parts.mixing
    )
    assert found["parameters"] == sum(p.numel() for name, p in weights.named_parameters() if "alphas." not in name)
    assert found["proxies"]["params"]["mean"] == found["parameters"]


@pytest.mark.usefixtures("operations_restored", "seen")
@pytest.mark.parametrize(
    ("forward", "error", "words"),
    [
        (lambda x: x.reshape(-1, 7), RuntimeError, "shape '\\[-1, 7\\]' is invalid"),
        (lambda x: x / 0.0, TrainingError, "the loss of the untrained supernet is not finite"),
    ],
    ids=["shape", "not finite"],
)
def test_what_cannot_be_computed_fails_the_candidate(csv: Path, forward: Callable, error: type, words: str) -> None:
    """Proxies alone would record it as a value they lack, and its parameters would promote it."""

    @register("broken", family="mine")
    class Broken(torch.nn.Module):
        def __init__(self, grid: TokenGrid):
            super().__init__()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return forward(x)

    settings = {**SETTINGS, "primitives": ["identity", "broken"]}
    with pytest.raises(error, match=words):
        screen_candidate(parts_from(csv), identifier="c0", settings=settings, **MEASURING)
