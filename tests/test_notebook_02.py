"""notebooks/02_your_own_network.ipynb reaches the figures that its text speaks of."""

import json
from pathlib import Path

import pytest
from notebook_runs import executed, pictures, printed, scores

from darts_pl.genotype import from_json

pytestmark = pytest.mark.slow  # its subject is tested by default in smaller pieces


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    return executed("02_your_own_network", tmp_path_factory.mktemp("own_network"))


def test_what_was_found_beats_the_linear_model_and_the_worst_of_chance(notebook) -> None:
    found = scores(notebook)
    drawn = [found[f"random architecture {number}"] for number in (1, 2, 3)]
    assert found["validation accuracy of the supernet"] > 0.9
    assert found["searched"] > found["logistic regression"] > 0.9
    assert found["logistic regression"] > min(drawn) and max(drawn) - min(drawn) > 0.05 and min(drawn) > 0.3
    assert found["searched cells"] > 0.9 and found["random cells"] > 0.8


def test_the_pictures_are_shown(notebook) -> None:
    assert pictures(notebook) == ["picture", "chart", "genotype_figure"]


def test_the_network_is_built_again_and_exported(notebook) -> None:
    text, folder = printed(notebook), Path(notebook.metadata["folder"])
    assert "built again, it predicts the same: True" in text and "exported, it predicts the same: True" in text
    assert {"width", "kernel", "deep", "taps"} <= set(from_json((folder / "digits.json").read_text()).choices)
    assert json.loads((folder / "digits.json").read_text())["choices"]["kernel"] in ("conv1", "conv3", "conv5")
