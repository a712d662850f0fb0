"""The whole command: the seed decides what it finds, and a candidate that fails does not stop it."""

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from pipeline_series import TINY, FinishedRun, assert_same_run, command, run_pipeline
from safetensors.torch import load_file

PHASES = ["candidates", "screen", "promote", "search", "choose", "retrain", "robust_pool"]
WEIGHTS = "retrain/model.safetensors"


@pytest.fixture(scope="module")
def two(csv: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The tiny pipeline with two workers, its speed-up measured."""
    words = ["multi_fidelity.max_workers=2", "multi_fidelity.collect_stats=true"]
    return run_pipeline(tmp_path_factory.mktemp("two") / "run", csv, *words)


def test_the_number_of_workers_changes_nothing(whole: FinishedRun, two: FinishedRun) -> None:
    assert_same_run(two, whole)
    ours, theirs = load_file(two.path / WEIGHTS), load_file(whole.path / WEIGHTS)
    assert ours.keys() == theirs.keys() and all(ours[name].equal(theirs[name]) for name in ours)


@pytest.mark.slow
def test_another_seed_finds_something_else(whole: FinishedRun, csv: Path, tmp_path: Path) -> None:
    other = run_pipeline(tmp_path / "other", csv, "seed=1")
    assert other.json("candidates/pool.json") != whole.json("candidates/pool.json")
    assert set(other.table("candidates.csv")["choice_val_mse"].dropna()).isdisjoint(
        whole.table("candidates.csv")["choice_val_mse"]
    )
    for name in ("searched", "random 1", "nlinear", "dlinear"):
        assert other.rows[name]["test_mse"] != whole.rows[name]["test_mse"]
    for name in ("last value", "seasonal naive"):  # nothing in them is drawn
        assert other.rows[name] == whole.rows[name]


def test_what_the_phases_cost(whole: FinishedRun, two: FinishedRun) -> None:
    stats = pd.read_csv(two.path / "stats.csv").set_index("phase")
    assert list(stats.index) == PHASES
    busy = stats.drop(index=["candidates", "promote"])
    assert (busy["workers"] == 2).all() and busy["occupancy"].between(0, 1, inclusive="right").all()
    for phase, folder in (("screen", "screen"), ("choose", "choose")):
        figures = [json.loads(path.read_text()) for path in (two.path / folder).glob("**/*.json") if _is_job(path)]
        assert stats.loc[phase, "busy_s"] == pytest.approx(sum(each["seconds"] for each in figures), abs=0.01)
    assert stats.loc["screen", "speedup"] > 0
    assert not (whole.path / "stats.csv").exists()  # it did not collect them


def _is_job(path: Path) -> bool:
    return "timing" not in path.parts and path.name != "genotype.json"


def test_a_finished_run_is_not_done_again(whole: FinishedRun, two: FinishedRun) -> None:
    jobs = [path for path in two.path.rglob("*.json") if path.name.startswith(("figures", "rung_", "c0"))]
    before = {path: path.stat().st_mtime_ns for path in jobs}
    assert len(before) > 15
    status, printed, errors = command(f"resume={two.path}")
    assert status == 0, errors
    assert {path: path.stat().st_mtime_ns for path in jobs} == before
    assert_same_run(two, whole)
    assert f"Chosen by validation: candidate {whole.winner}" in printed
    for row in whole.rows.values():
        assert re.search(rf"^{row['name']} +{row['test_mse']:.4f} +{row['test_mae']:.4f} ", printed, re.MULTILINE)
    told = re.search(r"^The searched model has a lower test MSE than (.+)\.$", printed, re.MULTILINE)
    beaten = told[1] if told else ""
    for name in ("last value", "seasonal naive", "nlinear", "dlinear"):
        assert (name in beaten) == (whole.rows["searched"]["test_mse"] < whole.rows[name]["test_mse"])


def test_a_run_goes_on_with_other_workers(two: FinishedRun, csv: Path) -> None:
    words = [*TINY, "multi_fidelity.max_workers=1", "multi_fidelity.collect_stats=true"]
    status, printed, errors = command(f"data.csv={csv}", *words, f"resume={two.path}")
    assert status == 0 and f"Chosen by validation: candidate {two.winner}" in printed, errors


@pytest.fixture
def own_operations(monkeypatch: pytest.MonkeyPatch, operations_restored: None) -> None:
    """Importing pipeline_operations registers, now and in a test to come."""
    monkeypatch.delitem(sys.modules, "pipeline_operations", raising=False)


@pytest.mark.usefixtures("own_operations")
def test_a_users_operation_that_fails_in_some_candidates(csv: Path, tmp_path: Path) -> None:
    """It needs several tokens, and a variate is one: whatever mixes it with tokens of variates is passed over."""
    run = run_pipeline(
        tmp_path / "run",
        csv,
        "space.imports=[pipeline_operations]",
        "space.operations=[identity,grn,needs_time]",
        "space.operations_per_candidate=[1,2]",
        "multi_fidelity.num_candidates=8",
        "final.random_architectures=0",
        "final.baselines=[]",
        "robust_pool.pools=0",
    )
    pool = {each["id"]: each["space"] for each in run.json("candidates/pool.json")}
    failing = {
        name for name, space in pool.items() if "needs_time" in space["primitives"] and "variates" in space["tokens"]
    }
    table = run.table("candidates.csv").set_index("id")
    assert 0 < len(failing) < 7 and set(table.index[table["status"] == "failed"]) == failing
    reason = "ValueError: needs_time: found 1 token along time, expected at least 2"
    assert set(table.loc[sorted(failing), "error"]) == {reason}
    assert table.loc[sorted(failing), "score"].isna().all() and table.drop(index=failing)["error"].isna().all()
    assert run.json("manifest.json")["status"] == "complete" and run.winner not in failing
    sound = set(pool) - failing
    assert any("needs_time" in pool[name]["primitives"] for name in sound)  # where it can be, it takes part
    assert [row["name"] for row in run.json("results.json")["rows"]] == ["searched"]
