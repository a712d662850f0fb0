"""notebooks/03_tables.ipynb reaches the figures that its text speaks of."""

import json
from pathlib import Path

import pytest
from notebook_runs import executed, pictures, printed, scores, tables

pytestmark = pytest.mark.slow  # its subject is tested by default in smaller pieces


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    return executed("03_tables", tmp_path_factory.mktemp("tables"))


def test_networks_stand_beside_the_models_of_scikit_learn(notebook) -> None:
    (results,) = Path(notebook.metadata["folder"]).glob("outputs/table/*/results.json")
    rows = {row["name"]: row["test_acc"] for row in json.loads(results.read_text())["rows"]}
    assert list(rows) == ["searched", "random architecture", "logistic regression", "gradient boosting"]
    assert min(rows.values()) > 0.85 and rows["searched"] > 0.9
    assert all(name in tables(notebook)[1] and name in printed(notebook) for name in rows)


def test_the_pictures_are_shown(notebook) -> None:
    assert pictures(notebook) == ["training_curves", "gate_heatmap", "genotype_figure"]


def test_the_loaded_model_predicts_rows(notebook) -> None:
    assert scores(notebook)["right on all rows, training rows among them"] > 0.9
    assert "benign" in tables(notebook)[-1] and "malignant" in tables(notebook)[-1]
