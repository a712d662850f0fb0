"""Whole data sets as arrays: what does not fit together is refused, statistics are right."""

import numpy as np
import pytest

from darts_pl.data.arrays import ImageArrays, channel_statistics
from darts_pl.data.image_sources import Digits
from darts_pl.errors import DataError


def _arrays(**changed: object) -> ImageArrays:
    good = {
        "train_x": np.zeros((4, 3, 3, 1), np.uint8),
        "train_y": np.array([0, 1, 0, 1]),
        "test_x": np.zeros((2, 3, 3, 1), np.uint8),
        "test_y": np.array([0, 1]),
        "classes": ("a", "b"),
        "class_sorted": False,
        "name": "tiny",
    }
    return ImageArrays(**{**good, **changed})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_x": np.zeros((4, 3, 3, 1))}, "train_x is float64"),
        ({"test_x": np.zeros((2, 3, 3), np.uint8)}, r"test_x is uint8 \[2, 3, 3\]"),
        ({"train_y": np.array([0, 1])}, r"train_y is int64 \[2\], expected int64 \[4\]"),
        ({"test_y": np.array([0, 2])}, "labels 0..2, expected 0..1"),
        ({"test_x": np.zeros((2, 3, 4, 1), np.uint8)}, r"\[3, 3, 1\], test images \[3, 4, 1\]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changed: dict[str, object], message: str) -> None:
    _arrays()
    with pytest.raises(DataError, match=message):
        _arrays(**changed)


def test_channel_statistics_are_those_of_the_scaled_pixels() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2100, 3, 4, 3), dtype=np.uint8)
    x[..., 2] = 51
    mean, std = channel_statistics(x)
    np.testing.assert_allclose(mean, (x / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std[:2], (x / 255).std((0, 1, 2))[:2], rtol=1e-9)
    assert mean[2] == pytest.approx(0.2)


def test_a_channel_of_one_value_is_not_divided_by_zero() -> None:
    assert channel_statistics(np.zeros((3, 2, 2, 1), np.uint8)) == ((0.0,), (1.0,))


def test_digits_fill_the_range_and_keep_their_test_images() -> None:
    first, second = Digits().load(), Digits().load()
    assert first.train_x.shape == (1438, 8, 8, 1) and first.test_x.shape == (359, 8, 8, 1)
    assert (first.train_x.min(), first.train_x.max()) == (0, 255)
    np.testing.assert_array_equal(first.test_x, second.test_x)
    assert np.bincount(first.test_y).min() >= 34, "every digit is in the test part"
