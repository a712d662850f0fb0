"""Baselines of tables: figures by the task's names, against scikit-learn's own scores."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from darts_pl.data.tables import TableData, breast_cancer_data, diabetes_data, digits_table_data, wine_data
from darts_pl.data.tables.table import Table
from darts_pl.stages.baselines import reference_rows
from darts_pl.stages.table_baselines import logits, table_rows


def test_a_regression() -> None:
    linear, trees = table_rows(diabetes_data())
    assert [linear["name"], trees["name"]] == ["ridge regression", "gradient boosting"]
    assert set(linear) == {"name", "test_loss", "test_mse", "test_mae", "test_r2", "parameters", "seconds"}
    assert linear["parameters"] == 11 and trees["parameters"] is None
    y = diabetes_data().test_rows()[1].numpy()
    assert linear["test_r2"] == pytest.approx(1 - linear["test_mse"] / y.var(), abs=1e-4) and linear["test_mse"] < 0.6
    assert trees == {**table_rows(diabetes_data(), seed=0)[1], "seconds": trees["seconds"]}


def test_two_classes() -> None:
    data = breast_cancer_data()
    linear, trees = table_rows(data)
    assert linear["parameters"] == 31 and {"test_acc", "test_auroc", "test_loss"} < set(linear)
    (x, y), (test_x, test_y) = data.train_rows(), data.test_rows()
    model = LogisticRegression(max_iter=5000).fit(x.double(), y)
    assert linear["test_acc"] == pytest.approx(model.score(test_x.double(), test_y)) and trees["test_auroc"] > 0.97


def test_several_classes_and_several_inputs_side_by_side() -> None:
    few = {"limit_train": 200}
    one, two = (table_rows(digits_table_data(halves=halves, **few))[0] for halves in (False, True))
    assert {**one, "seconds": 0} == {**two, "seconds": 0}
    assert one["name"] == "logistic regression" and one["test_acc"] > 0.85
    assert all(row["test_acc"] > 0.85 for row in table_rows(wine_data()))


def test_several_targets() -> None:
    class Source:
        def load(self) -> Table:
            frame = diabetes_data().table.frame
            return Table(frame.assign(half=frame["progression"] / 2 + frame["bmi"]), ("progression", "half"), "two")

    linear, trees = table_rows(TableData(source=Source()))
    assert linear["parameters"] == 22 and 0.2 < linear["test_r2"] < 1 and np.isfinite(trees["test_mse"])


def test_a_class_that_was_not_trained_is_unlikely() -> None:
    x, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2 * 2
    found = logits(LogisticRegression().fit(x, y), x, 3)
    assert found.shape == (30, 3) and (found[:, 1] < -700).all() and np.isfinite(found).all()
    assert torch.from_numpy(found).float().isfinite().all()


def test_commands_find_them_by_the_type_of_the_data() -> None:
    rows = reference_rows(wine_data())
    assert [row["name"] for row in rows] == ["logistic regression", "gradient boosting"]
