"""The tables that ship with scikit-learn: shapes, cuts, order; test rows leave no trace in the preprocessing."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from darts_pl.data import digits_data
from darts_pl.data.tables import (
    Diabetes,
    Table,
    TableData,
    TablePreprocessing,
    breast_cancer_data,
    diabetes_data,
    digits_table_data,
    wine_data,
)
from darts_pl.errors import ConfigError, DataError
from darts_pl.inputs import TensorInput, inputs_of
from darts_pl.tasks import BinaryClassification, Classification, Regression


@dataclasses.dataclass
class Given:
    """A source of one's own."""

    table: Table

    def load(self) -> Table:
        return self.table


@pytest.mark.parametrize(
    ("build", "features", "outputs", "task", "classes"),
    [
        (diabetes_data, 10, 1, Regression, 0),
        (breast_cancer_data, 30, 1, BinaryClassification, 2),
        (wine_data, 13, 3, Classification, 3),
        (digits_table_data, 60, 10, Classification, 10),
    ],
)
def test_what_each_table_asks_for(build, features: int, outputs: int, task: type, classes: int) -> None:
    data = build(batch_size=16)
    data.prepare()
    assert data.input_shape == TensorInput((features,)) and data.outputs == outputs
    assert isinstance(data.task, task) and len(data.classes) == classes
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    for x, y in batch.values():
        assert inputs_of(x) == data.input_shape and len(x) == len(y) == 16
        assert data.task.loss(torch.zeros(16, outputs), y).dim() == 0
    x = data.train_rows()[0]
    torch.testing.assert_close(x.mean(0), torch.zeros(features), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std(0, correction=0), torch.ones(features), atol=1e-4, rtol=0)


def test_two_tables_go_side_by_side() -> None:
    one, two = digits_table_data(batch_size=8), digits_table_data(halves=True, batch_size=8)
    assert two.input_shape == {"upper": TensorInput((30,)), "lower": TensorInput((30,))}
    for single, pair in itertools.islice(zip(one.train_dataloader(), two.train_dataloader()), 3):
        for half in ("weights", "alphas"):
            (x, y, key), (parts, same_y, same_key) = single[half], pair[half]
            assert torch.equal(torch.cat([parts["upper"], parts["lower"]], 1), x)
            assert torch.equal(y, same_y) and key == same_key
    assert one.fingerprint != two.fingerprint


def test_test_digits_are_those_of_the_images() -> None:
    images, table = digits_data(), digits_table_data()
    assert torch.equal(table.test_rows()[1], torch.from_numpy(images.test_arrays()[1]))
    assert len(table.test_rows()[1]) == 359


def test_halves_are_disjoint_stratified_and_by_the_seed() -> None:
    data, other = wine_data(seed=0), wine_data(seed=1)
    first, second = data.halves
    assert not set(first) & set(second) and len(first) + len(second) == data.training_count == 142
    codes = data.train_rows()[1].numpy()
    assert np.abs(np.bincount(codes[first]) - np.bincount(codes[second])).max() <= 1
    assert not np.array_equal(first, other.halves[0])
    assert data.fingerprint == other.fingerprint and torch.equal(data.test_rows()[0], other.test_rows()[0])
    regression = diabetes_data(weights_fraction=0.75)
    assert [len(half) for half in regression.halves] == [266, 88]


def test_a_retraining_uses_all_or_holds_out() -> None:
    whole = wine_data(purpose="retrain", batch_size=8)
    assert sum(len(y) for _, y, _ in whole.train_dataloader()) == 142 and whole.val_dataloader() == []
    part = wine_data(purpose="retrain", batch_size=8, holdout=0.2)
    assert sum(len(y) for _, y, _ in part.val_dataloader()) == 28
    assert whole.preprocessing == part.preprocessing, "the held-out part shares it"


def test_an_order_goes_on_where_it_stood() -> None:
    def epoch(loader) -> list:
        return [batch["weights"][0] for batch in loader]

    data = diabetes_data(batch_size=32, seed=3)
    whole, resumed = data.train_dataloader(), data.train_dataloader()
    first = epoch(whole)
    taken = next(iter(whole))
    state = whole.state_dict()
    resumed.load_state_dict(state)
    rest = epoch(resumed)
    fresh = diabetes_data(batch_size=32, seed=3).train_dataloader()
    again, second = epoch(fresh), epoch(fresh)
    assert all(map(torch.equal, first, again)) and not torch.equal(first[0], second[0])
    assert torch.equal(taken["weights"][0], second[0]) and all(map(torch.equal, rest, second[1:]))


def test_folds_cover_all_rows_once_and_change_the_preprocessing() -> None:
    folds = [breast_cancer_data(fold=k, seed=k) for k in range(5)]
    tested = np.concatenate([data.rows[1] for data in folds])
    assert sorted(tested) == list(range(569)) and not any(np.intersect1d(*data.rows).size for data in folds)
    shares = [data.test_rows()[1].float().mean().item() for data in folds]
    assert max(shares) - min(shares) < 0.02
    assert folds[0].preprocessing != folds[1].preprocessing and folds[0].fingerprint != folds[1].fingerprint
    assert len(diabetes_data(fold=4, folds=10).rows[1]) == 44


def test_test_rows_leave_no_trace() -> None:
    """Absurd test rows change nothing but themselves."""
    table = Diabetes().load()
    test = np.arange(400, 442)
    wild = table.frame.copy()
    wild.loc[test] = wild.loc[test] * 1e6
    plain, changed = (
        TableData(source=Given(dataclasses.replace(table, frame=frame, test=test))) for frame in (table.frame, wild)
    )
    assert plain.preprocessing == changed.preprocessing
    assert torch.equal(plain.train_rows()[0], changed.train_rows()[0])
    assert not torch.equal(plain.test_rows()[0], changed.test_rows()[0]) and plain.fingerprint != changed.fingerprint


def test_regression_targets_are_standardised_and_go_back() -> None:
    data = diabetes_data()
    y = data.train_rows()[1]
    assert y.shape == (354,) and y.mean().abs() < 1e-5 and (y.std(correction=0) - 1).abs() < 1e-4
    processing = TablePreprocessing.from_plain(data.preprocessing.to_plain())
    original = processing.target.original(data.test_rows()[1][:, None])[:, 0]
    expected = data.table.frame["progression"].iloc[data.rows[1]].to_numpy(np.float32)
    np.testing.assert_allclose(original, expected, rtol=1e-5)


def test_limits() -> None:
    first, second = (wine_data(limit_train=60, seed=seed) for seed in (0, 1))
    assert first.training_count == 60 and np.array_equal(first.rows[0], second.rows[0])
    assert first.classes == wine_data().classes and first.fingerprint != wine_data().fingerprint
    assert diabetes_data(limit_train=50).training_count == 50 and diabetes_data(limit_train=9999).training_count == 354


def test_the_task_can_be_told() -> None:
    assert isinstance(breast_cancer_data(task="classification").task, Classification)
    assert breast_cancer_data(task="classification").outputs == 2
    with pytest.raises(ConfigError, match="'binary': 'grower' holds 3 different values, expected 2"):
        wine_data(task="binary").prepare()
    with pytest.raises(ConfigError, match=r"data.target: 'grower' of wine holds 'class_0', no numbers"):
        wine_data(task="regression").prepare()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"purpose": "retraining"}, r"purpose='retraining' is unknown\. Did you mean 'retrain'"),
        ({"task": "clasification"}, "Did you mean 'classification'"),
        ({"fold": 5}, "data.fold=5 of data.folds=5"),
        ({"holdout": 1}, "holdout=1, expected a share"),
        ({"weights_fraction": 1.0}, "weights_fraction=1.0"),
        ({"batch_size": 0}, "data.batch_size=0: expected 1 or more"),
        ({"limit_train": 0}, "data.limit_train=0"),
        ({"test_fraction": 0}, "data.test_fraction=0"),
    ],
)
def test_settings_are_checked_at_once(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        wine_data(**settings)
    with pytest.raises(ConfigError, match="expected Diabetes, TableFile or the like"):
        TableData(source=3)


def test_what_does_not_fit_the_rows() -> None:
    with pytest.raises(DataError, match=r"batch_size=100 is larger than the 'weights' part .* 71 rows\. Lower"):
        wine_data(batch_size=100).prepare()
    with pytest.raises(ConfigError, match=r"data.folds=60: the class 'class_2' of wine fill only 48 folds"):
        wine_data(fold=0, folds=60).prepare()
    with pytest.raises(DataError, match="leaves a part smaller than the 3 classes; take a larger part or more rows"):
        wine_data(limit_train=2).prepare()
