"""The parts of `DARTSTrainer` that run stages in a folder, with worker processes."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
import torch
from windows import LOOK_BACK, loaders, series, trainer

import darts_pl
from darts_pl.errors import RunError
from darts_pl.stages.manifest import read_manifest

SMALL = {"num_candidates": 3, "search_epochs": 3, "final_epochs": 2, "top_k": 2, "max_workers": 1}
HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    made = trainer(seed=3, target_names=["sine", "cosine"], seasonal_period=6)
    folder = tmp_path_factory.mktemp("face") / "run"
    return made, made.multi_fidelity_search(*loaders(shuffle=True), **SMALL, collect_stats=True, folder=folder)


def test_everything_that_is_promised_is_returned(searched):
    _, found = searched
    assert set(found) == {
        "final_model",
        "candidates",
        "top_candidates",
        "trained_candidates",
        "best_candidate",
        "final_results",
        "search_config",
        "stats",
        "folder",
    }
    assert [row["id"] for row in found["candidates"]] == ["c000", "c001", "c002"]
    assert len(found["top_candidates"]) == 2 == len(found["trained_candidates"])
    assert found["best_candidate"]["status"] == "chosen"
    names = [row["name"] for row in found["final_results"]["rows"]]
    assert names == ["searched", "random 1", "last value", "dlinear"]
    assert (
        found["final_results"]["final_metrics"]["test_mse"] > 0 < found["final_results"]["final_metrics"]["test_mase"]
    )
    assert found["search_config"]["multi_fidelity"]["num_candidates"] == 3
    assert {row["phase"] for row in found["stats"]} >= {"screen", "search", "choose", "retrain"}
    assert (found["folder"] / "report.html").is_file()
    assert read_manifest(found["folder"])["status"] == "complete"


def test_the_final_model_forecasts_as_its_table_says(searched):
    _, found = searched
    x, y = loaders()[2].dataset.tensors
    with torch.no_grad():
        error = (found["final_model"](x) - y).double()
    assert error.square().mean().item() == pytest.approx(found["final_results"]["final_metrics"]["test_mse"], rel=1e-4)
    assert found["final_model"].target_names == ("sine", "cosine")


def test_the_best_model_is_one_file(searched, tmp_path):
    made, found = searched
    path = made.save_best_model(tmp_path / "deep" / "best.safetensors")
    x = series()[:LOOK_BACK][None]
    for load in (made.load, darts_pl.load):
        torch.testing.assert_close(load(path)(x), found["final_model"](x))
    assert made.load(path).details["test_mse"] == found["final_results"]["final_metrics"]["test_mse"]
    with pytest.raises(RunError, match="no best model yet"):
        trainer().save_best_model(tmp_path / "none")


def test_a_finished_folder_gives_the_same_and_other_windows_are_refused(searched):
    made, found = searched
    again = made.multi_fidelity_search(*loaders(shuffle=True), **SMALL, collect_stats=True, folder=found["folder"])
    assert again["final_results"] == found["final_results"]
    pd.testing.assert_frame_equal(pd.DataFrame(again["candidates"]), pd.DataFrame(found["candidates"]))
    train, val, test = loaders(shuffle=True)
    train.dataset.tensors[0][0, 0, 0] += 1
    with pytest.raises(RunError, match="holds other windows than the loaders give"):
        made.multi_fidelity_search(train, val, test, **SMALL, collect_stats=True, folder=found["folder"])
    with pytest.raises(RunError, match=r"another configuration .*num_candidates"):
        changed = {**SMALL, "num_candidates": 4}
        made.multi_fidelity_search(*loaders(shuffle=True), **changed, collect_stats=True, folder=found["folder"])


def test_schemes_and_pools_are_compared(tmp_path):
    made, (train, val, _) = trainer(), loaders()
    schemes = made.ablation_weight_search(
        train, val, num_candidates=5, search_epochs=2, max_workers=1, n_random=1, folder=tmp_path / "schemes"
    )
    named = [row["scheme"] for row in schemes["schemes"]]
    assert named == ["the run's", "equal", "params", "random 1"]
    assert schemes["best_scheme"] in named and schemes["proxies"]["naswot"]["n"] == 5
    assert schemes["schemes"][0]["overlap"] == 1 and -1 <= schemes["schemes"][1]["spearman_loss"] <= 1
    pools = made.robust_initial_pool_over_op_pools(
        train, val, pools=2, pool_size=3, num_candidates=3, max_workers=1, folder=tmp_path / "pools"
    )
    assert len(pools["pools"]) == 2 and -1 <= pools["spearman"] <= 1 and 0 <= pools["overlap"] <= 1
    assert all(len(row["operations"].split("|")) == 3 for row in pools["pools"])


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_of_it(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        textwrap.dedent(f"""
            import sys
            sys.path.append({str(HERE)!r})
            from windows import loaders, trainer
            trainer().multi_fidelity_search(*loaders(), num_candidates=2, max_workers=1, folder="run")
        """),
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and '`if __name__ == "__main__":`' in done.stderr
