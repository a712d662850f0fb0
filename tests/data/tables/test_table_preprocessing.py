"""Columns of every kind become features, and the same features again from JSON."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
import torch

from darts_pl.data.tables import TablePreprocessing
from darts_pl.data.tables.columns import MOST_CATEGORIES, Category, Number, fit_column
from darts_pl.data.tables.table import Table
from darts_pl.data.tables.target import Classes
from darts_pl.errors import ConfigError, DataError

TARGET = Classes("y", ("a", "b"), True)
FRAME = pd.DataFrame(
    {
        "size": [1.0, 2.0, np.nan, 6.0, 1e9],
        "colour": ["red", "blue", "red", None, "green"],
        "flat": [3, 3, 3, 3, 4],
        "known": [np.nan, 5.0, 5.0, 5.0, 5.0],
        "sure": [True, False, True, True, False],
        "y": list("ababa"),
    }
)
TRAINING = np.arange(4)


def fitted(inputs: dict | None = None) -> TablePreprocessing:
    return TablePreprocessing.fit(Table(FRAME, ("y",), "frame", inputs), TARGET, TRAINING)


def test_features_by_hand(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        processing = fitted()
    assert "left out, as all training rows have the same value in them: 'flat'" in caplog.text
    (names,) = processing.features.values()
    assert names == [
        "size",
        "size is missing",
        "colour=blue",
        "colour=red",
        "colour is missing",
        "known is missing",
        "sure=False",
        "sure=True",
    ]
    filled = np.array([1.0, 2.0, 2.0, 6.0])  # the median of 1, 2 and 6
    scaled = (np.append(filled, 1e9) - filled.mean()) / filled.std()
    expected = np.array(
        [
            [0, 0, 0, 1, 0, 1, 0, 1],
            [0, 0, 1, 0, 0, 0, 1, 0],
            [0, 1, 0, 1, 0, 0, 0, 1],
            [0, 0, 0, 0, 1, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 1, 0],  # green is not known
        ],
        np.float32,
    )
    expected[:, 0] = scaled
    found = processing.transform(FRAME)
    assert found.dtype == torch.float32 and processing.input_shape.shape == (8,)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_json_and_back() -> None:
    for inputs in (None, {"first": ("size", "flat"), "second": ("colour", "size")}):
        processing = fitted(inputs)
        again = TablePreprocessing.from_plain(json.loads(json.dumps(processing.to_plain())))
        rows = FRAME.drop(columns=["y", "flat"])[::-1][["sure", "known", "colour", "size"]]  # other orders
        before, after = processing.transform(FRAME[::-1]), again.transform(rows)
        assert again.target == TARGET and again.input_shape == processing.input_shape
        if inputs:
            assert set(after) == {"first", "second"} and after["second"].shape == (5, 5)
            assert all(torch.equal(before[name], after[name]) for name in after)
        else:
            assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": ["1", "x", "2", "3", "4"]}, r"row 2, column 'size': found 'x', expected a finite number"),
        ({"size": [1, 2, np.inf, 3, 4]}, r"row 3, column 'size': found inf"),
    ],
)
def test_new_rows_are_checked(change: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fitted().transform(FRAME.assign(**change))
    with pytest.raises(DataError, match=r"the rows have no column 'colour'\. Did you mean 'color'"):
        fitted().transform(FRAME.rename(columns={"colour": "color"}))


def test_numbers_as_text_are_numbers_and_codes_are_the_same_however_read() -> None:
    processing = fitted()
    assert torch.equal(
        processing.transform(FRAME.assign(size=["1", "2", None, "6", "1e9"])), processing.transform(FRAME)
    )
    codes = Category.fit(pd.Series([7.0, np.nan, 8.0], name="code"))
    assert codes.values == ("7", "8") and codes.transform(pd.Series([8, 9]), str).tolist() == [[0, 1, 0], [0, 0, 0]]


def test_columns_that_say_nothing() -> None:
    assert fit_column(pd.Series([0.1] * 7, name="a")) is None
    assert fit_column(pd.Series([None] * 3, name="a", dtype=object)) is None
    assert fit_column(pd.Series([np.nan] * 3, name="a")) is None
    assert fit_column(pd.Series(["x", "x"], name="a")) is None
    with pytest.raises(DataError, match=r"frame: the columns of data.tables.one are constant over the training rows"):
        fitted({"one": ("flat",)})
    with pytest.raises(DataError, match=r"column 'a': values up to 1e\+308 are too large"):
        Number.fit(pd.Series([1e308, -1e308, 1e308], name="a"))


def test_very_many_categories_keep_the_frequent_ones(caplog: pytest.LogCaptureFixture) -> None:
    values = pd.Series([f"id{i:03}" for i in range(300)] + ["id299", "id250"], name="id")
    column = Category.fit(values)
    assert len(column.values) == MOST_CATEGORIES and {"id299", "id250", "id000"} <= set(column.values)
    assert "column 'id' holds 300 categories" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.pop("target"),
        lambda plain: plain["target"].pop("classes"),
        lambda plain: plain["inputs"][""][0].pop("mean"),
        lambda plain: plain["inputs"][""][0].update(mean="2"),
        lambda plain: plain["inputs"][""][0].update(kind="date"),
        lambda plain: plain["inputs"].clear(),
    ],
)
def test_damaged_json_is_refused(change) -> None:
    plain = fitted().to_plain()
    change(plain)
    with pytest.raises(ConfigError, match="found"):
        TablePreprocessing.from_plain(plain)
