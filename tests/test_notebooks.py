"""The notebooks are kept clean, and the first one runs, shows its pictures and reaches the figures it speaks of."""

from pathlib import Path

import nbformat
import pytest
from notebook_runs import NOTEBOOKS, executed, pictures, printed, scores

pytestmark = pytest.mark.slow  # CI runs the same search as a command


@pytest.fixture(scope="module")
def first_search(tmp_path_factory) -> nbformat.NotebookNode:
    return executed("01_first_search", tmp_path_factory.mktemp("first_search"))


def test_the_search_learns_and_its_network_beats_the_linear_model(first_search):
    found = scores(first_search)
    assert found["validation accuracy of the supernet"] > 0.6
    assert found["searched"] > 0.95
    assert found["searched"] > found["logistic regression"] > 0.8
    assert found["random architecture"] > 0.8


def test_the_pictures_are_shown(first_search):
    assert pictures(first_search) == ["training_curves", "architecture_curves", "gate_heatmap", "genotype_figure"]


def test_the_saved_model_is_the_trained_one(first_search):
    text = printed(first_search)
    assert "the loaded model predicts the same: True" in text
    assert "same genotype: True; classes: 0 1 2 3 4 5 6 7 8 9" in text
    assert (Path(first_search.metadata["folder"]) / "digits.safetensors").stat().st_size > 10_000


def test_notebooks_are_kept_without_outputs():
    for path in NOTEBOOKS.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        executed = [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
        assert not executed, f"{path.name}: clear its outputs"
