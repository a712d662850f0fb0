"""The baseline of texts: a row for one task and for several, on real questions."""

import pytest

from darts_pl.data.text import text_data, trec_data
from darts_pl.stages.baselines import reference_rows
from darts_pl.stages.text_baselines import text_rows


def test_one_task_and_several(real_data) -> None:
    few = {"root": str(real_data), "limit_train": 400}
    (both,), (coarse,) = text_rows(trec_data(**few)), text_rows(trec_data(tasks=["coarse"], **few))
    assert both["name"] == "TF-IDF + logistic regression"
    assert both["test_acc"] == pytest.approx((both["test_coarse_acc"] + both["test_fine_acc"]) / 2)
    assert both["test_coarse_acc"] == coarse["test_acc"] > 0.6 and both["test_fine_acc"] > 0.3
    assert set(coarse) == {"name", "test_acc", "parameters", "seconds"} and coarse["parameters"] < both["parameters"]


def test_words_tell_classes_apart_that_have_fewer_texts_than_folds(tmp_path) -> None:
    (tmp_path / "my.txt").write_text("good a fine film\nbad a poor film\n" * 20 + "rare quite another\n" * 2)
    data = text_data(str(tmp_path / "my.txt"), test=str(tmp_path / "my.txt"), batch_size=2)
    assert reference_rows(data)[0]["test_acc"] == 1.0  # as the commands find it, by the type of the data
