"""notebooks/04_text.ipynb reaches the figures that its text speaks of."""

import json
from pathlib import Path

import pytest
from notebook_runs import executed, pictures, printed, tables

pytestmark = pytest.mark.slow  # its subject is tested by default in smaller pieces


@pytest.fixture(scope="module")
def notebook(real_data, tmp_path_factory):
    return executed("04_text", tmp_path_factory.mktemp("text"), DARTS_PL_DATA=str(real_data))


def test_both_tasks_are_learned_and_stand_beside_the_baselines(notebook) -> None:
    (results,) = Path(notebook.metadata["folder"]).glob("outputs/trec/*/results.json")
    rows = {row["name"]: row for row in json.loads(results.read_text())["rows"]}
    assert list(rows) == ["searched", "random architecture", "TF-IDF + logistic regression"]
    for row in rows.values():  # the most frequent class has 28 and 25 per cent of the questions
        assert row["test_coarse_acc"] > 0.45 and row["test_fine_acc"] > 0.3
    assert rows["TF-IDF + logistic regression"]["test_acc"] > rows["searched"]["test_acc"]  # as the text expects
    assert all(name in tables(notebook)[1] and name in printed(notebook) for name in rows)


def test_the_pictures_are_shown(notebook) -> None:
    assert pictures(notebook) == ["metric_curves", "gate_heatmap", "genotype_figure"]


def test_the_loaded_model_answers_and_unknown_words_are_counted(notebook) -> None:
    answers, unknown = tables(notebook)[-2:]
    assert "HUM" in answers and "NUM" in answers
    assert unknown.splitlines()[-1].split()[-3] == "3"
