"""Results and closing lines by the task's metric: errors, several tasks, rows without figures, genotypes of choices."""

import json
from functools import partial

import pytest
import torch
from series_search import space, windows

from darts_pl.data import digits_data
from darts_pl.genotype import KNOWN
from darts_pl.spaces import CellSpace
from darts_pl.stages import architecture
from darts_pl.stages.architecture import compared_by, find_architecture, genotype_lines, retrain_only, summary
from darts_pl.stages.baselines import reference_rows
from darts_pl.stages.run import RunFolder
from darts_pl.tasks import Classification, Forecasting

GENOTYPE = space().random_genotype(torch.Generator().manual_seed(1))


def open_run(folder) -> RunFolder:
    return RunFolder.open(folder, command="search", config={"seed": 0}, device="cpu")


def retrain(run, genotype, stage: str) -> dict:
    return {"test_loss": 0.2, "test_mse": 0.123456, "test_mae": 0.3, "parameters": 1234, "seconds": 1.5}


def test_a_search_for_forecasts_is_told_in_errors(tmp_path):
    run = open_run(tmp_path / "run")

    def search():
        with run.stage("search") as entry:
            entry |= {"val_mse_best": 0.25, "epoch_best": 3, "alpha_updates": 12, "alpha_movement": 0.1}
        return GENOTYPE

    results = find_architecture(
        run, space=space(), task=Forecasting(), search=search, retrain=retrain, random_seed=0, reference_data=windows()
    )
    assert results == json.loads((run.path / "results.json").read_text())
    assert (results["monitor"], results["higher_is_better"]) == ("mse", False)
    assert {"monitor": "mse", "higher_is_better": False}.items() <= run.manifest.items()
    assert results["search"] == {"val_mse_best": 0.25, "epoch_best": 3, "alpha_updates": 12, "alpha_movement": 0.1}
    assert [row["name"] for row in results["rows"]] == ["searched", "random architecture"]
    assert "published" not in results and "derived_parameters_paper_size" not in results
    text = summary(run, results)
    assert "Genotype (best by validation, epoch 3, validation mse 0.25, 12 alpha updates):" in text
    table = next(line for line in text.splitlines() if "parameters" in line).split()
    assert table == ["test", "mse", "mae", "parameters", "seconds"]
    assert any(line.split() == ["searched", "0.1235", "0.3", "1,234", "1.5"] for line in text.splitlines())
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert (
        "test mse" in page and "0.1235" in page and "Best validation mse of the supernet: 0.25, after epoch 3" in page
    )


def test_simple_models_are_fitted_once_and_may_have_no_size(tmp_path, monkeypatch):
    calls = []

    def rows_of(data):
        calls.append(data)
        return [{"name": "majority", "test_acc": 0.5, "parameters": None, "seconds": 0.0}, {"name": "nothing"}]

    def trained(run, genotype, stage):
        return {"test_acc": 0.75, "test_coarse_acc": 0.9, "parameters": 10, "seconds": 1.0}

    monkeypatch.setattr(architecture, "reference_rows", rows_of)
    monkeypatch.setattr(architecture, "write_report", lambda folder: None)  # takes seconds and is tested elsewhere
    data = digits_data(purpose="retrain", batch_size=16, seed=0, limit_train=64, limit_test=32)
    settings = {"space": CellSpace(), "task": Classification(2), "retrain": trained, "random_seed": None}
    run = RunFolder.open(tmp_path / "run", command="retrain", config={"seed": 0}, device="cpu")
    results = retrain_only(run, KNOWN["DARTS_V2"], reference_data=data, **settings)
    again = RunFolder.open(run.path, command="retrain", config={"seed": 0}, device="cpu")
    retrain = partial(trained, again)
    assert architecture.compare(again, KNOWN["DARTS_V2"], "retrained", None, retrain, None, data) == results["rows"]
    assert len(calls) == 1 and [row["name"] for row in results["rows"]] == ["retrained", "majority", "nothing"]
    assert results["higher_is_better"] is True and results["published"]
    told = [line.split() for line in architecture.retrain_summary(run, results).splitlines()]
    assert ["test", "accuracy", "coarse", "acc", "parameters", "seconds"] in told
    for row in (
        ["retrained", "75.0%", "90.0%", "10", "1.0"],
        ["majority", "50.0%", "–", "–", "0.0"],
        ["nothing", *"––––"],
    ):
        assert row in told
    assert architecture.final_figures(results) == {"test_acc/retrained": 0.75, "test_acc/majority": 0.5}


def test_references_go_by_the_type_of_the_data():
    data = digits_data(purpose="retrain", batch_size=16, seed=0, limit_train=100, limit_test=50)
    data.prepare()
    (row,) = reference_rows(data)
    assert row["name"] == "linear baseline" and row["test_acc"] > 0.5
    assert reference_rows(windows()) == [] == reference_rows(object())


@pytest.mark.parametrize(
    ("task", "told"), [(Classification(3), {"monitor": "acc", "higher_is_better": True}),
                       (Forecasting(), {"monitor": "mse", "higher_is_better": False})],
)  # fmt: skip
def test_the_direction_is_the_tasks(task, told):
    assert compared_by(task) == told


def test_genotypes_are_told_with_their_choices():
    lines = genotype_lines(json.loads(GENOTYPE.to_json()))
    assert len(lines) == len(GENOTYPE.choices) + len(GENOTYPE.cells)
    assert lines[0].split() == ["normalization", GENOTYPE.choices["normalization"]] and "2: " in lines[-1]
    assert GENOTYPE.line().startswith(f"normalization={GENOTYPE.choices['normalization']}, decomposition=none")
    assert " | encoder 2: " in GENOTYPE.line()
    assert genotype_lines(json.loads(KNOWN["DARTS_V2"].to_json()))[0].startswith("  normal  2: ")
