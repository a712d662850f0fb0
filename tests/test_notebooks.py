"""The notebooks run from top to bottom, show their pictures and reach the figures that their text speaks of."""

import os
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.fixture(scope="module")
def first_search(tmp_path_factory) -> nbformat.NotebookNode:
    """notebooks/01_first_search.ipynb, executed in an empty folder on one thread."""
    folder = tmp_path_factory.mktemp("first_search")
    notebook = nbformat.read(NOTEBOOKS / "01_first_search.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**os.environ, "OMP_NUM_THREADS": "1"})
    notebook.metadata["folder"] = str(folder)
    return notebook


def printed(notebook: nbformat.NotebookNode) -> str:
    """Everything that the cells printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")


def test_the_search_learns_and_its_network_beats_the_linear_model(first_search):
    text = printed(first_search)
    scores = {name: float(value) for name, value in re.findall(r"^([a-z ]+): (\d\.\d+)$", text, re.MULTILINE)}
    assert scores["validation accuracy of the supernet"] > 0.6
    assert scores["searched"] > 0.95
    assert scores["searched"] > scores["logistic regression"] > 0.8
    assert scores["random architecture"] > 0.8


def test_the_pictures_are_shown(first_search):
    pictures = [
        cell.source.splitlines()[-1].split("(")[0]
        for cell in first_search.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert pictures == ["training_curves", "architecture_curves", "gate_heatmap", "genotype_figure"]


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
