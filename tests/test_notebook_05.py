"""notebooks/05_forecasting.ipynb reaches the figures that its text speaks of."""

import json
from pathlib import Path

import pytest
from nbformat import NotebookNode
from notebook_runs import executed, pictures, scores, tables

pytestmark = pytest.mark.slow  # its subject is tested by default in smaller pieces


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    return executed("05_forecasting", tmp_path_factory.mktemp("forecasting"))


def test_the_searched_network_stands_beside_chance_and_the_baselines(notebook: NotebookNode) -> None:
    (results,) = Path(notebook.metadata["folder"]).glob("outputs/co2/*/results.json")
    rows = {row["name"]: row["test_mase"] for row in json.loads(results.read_text())["rows"]}
    assert list(rows) == ["searched", "random 1", "last value", "seasonal naive", "nlinear", "dlinear"]
    assert rows["searched"] < 1 < rows["seasonal naive"] < rows["last value"]
    candidates, figures = tables(notebook)
    assert "choice_val_mse" in candidates and all(name in figures for name in rows)


def test_the_pictures_are_shown(notebook: NotebookNode) -> None:
    shown = ["picture", "gates_figure", "genotype_figure", "forecast_figure", "picture"]
    assert pictures(notebook) == shown


def test_the_loaded_model_forecasts_the_year_that_was_put_aside(notebook: NotebookNode) -> None:
    folder = Path(notebook.metadata["folder"])
    assert len((folder / "co2.csv").read_text().splitlines()) == 1 + 526 - 12
    found = scores(notebook)
    assert found["mean absolute error in ppm, the network"] < 0.7 * found["mean absolute error in ppm, the year before"]
