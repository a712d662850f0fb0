"""The notebooks are kept with their outputs, and the first one runs and reaches the figures that it speaks of."""

import re
from pathlib import Path

import nbformat
import pytest
from notebook_runs import NOTEBOOKS, SAVE, executed, pictures, printed, scores

MACHINE = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work|var|opt|usr|mnt|venv)/|[A-Z]:\\\\|site-packages")
LARGEST = 300_000  # bytes of a notebook


def test_six_notebooks_are_kept_with_outputs_that_tell_no_error_and_no_place_of_a_machine() -> None:
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    assert [path.name[:2] for path in paths] == ["01", "02", "03", "04", "05", "06"]
    for path in paths:
        assert path.stat().st_size < LARGEST, f"{path.name}: too large"
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), f"{path.name}: {SAVE}"
        assert pictures(notebook) and printed(notebook), f"{path.name}: {SAVE}"
        for output in (output for cell in cells for output in cell.outputs):
            assert output.output_type != "error", f"{path.name}: an error is saved"
            shown = {kind: text for kind, text in output.get("data", {}).items() if kind != "image/png"}
            place = MACHINE.search(str(shown or output.get("text", "")))
            assert place is None, f"{path.name}: a place of a machine is saved: {place}"


@pytest.fixture(scope="module")
def first_search(tmp_path_factory) -> nbformat.NotebookNode:
    return executed("01_first_search", tmp_path_factory.mktemp("first_search"))


@pytest.mark.slow  # CI runs the same search as a command
def test_the_search_learns_and_its_network_beats_the_linear_model(first_search):
    found = scores(first_search)
    assert found["validation accuracy of the supernet"] > 0.6
    assert found["searched"] > 0.95
    assert found["searched"] > found["logistic regression"] > 0.8
    assert found["random architecture"] > 0.8


@pytest.mark.slow  # CI runs the same search as a command
def test_the_pictures_are_shown(first_search):
    assert pictures(first_search) == ["training_curves", "architecture_curves", "gate_heatmap", "genotype_figure"]


@pytest.mark.slow  # CI runs the same search as a command
def test_the_saved_model_is_the_trained_one(first_search):
    text = printed(first_search)
    assert "the loaded model predicts the same: True" in text
    assert "same genotype: True; classes: 0 1 2 3 4 5 6 7 8 9" in text
    assert (Path(first_search.metadata["folder"]) / "digits.safetensors").stat().st_size > 10_000
