"""Images averaged down for cheap searches."""

import numpy as np
import pytest

from darts_pl.data import digits_data
from darts_pl.data.arrays import shrunk
from darts_pl.errors import ConfigError


def test_blocks_are_averaged_and_rounded():
    x = np.array([[0, 1, 10, 20], [2, 3, 30, 41]], np.uint8).reshape(1, 2, 4, 1)
    assert shrunk(x, 2).tolist() == [[[[2], [25]]]]  # 1.5 and 25.25, to the even and the nearest


def test_a_whole_data_module_shrinks():
    data = digits_data(shrink=2, limit_train=50, batch_size=8, crop_padding=1)
    whole = digits_data(limit_train=50, batch_size=8)
    assert data.input_shape == (1, 4, 4) and data.train_arrays()[0].shape == (50, 4, 4, 1)
    expected = whole.train_arrays()[0].reshape(50, 4, 2, 4, 2, 1).astype(float).mean((2, 4))
    assert np.abs(data.train_arrays()[0] - expected).max() <= 0.5
    assert next(iter(data.train_dataloader()))["weights"][0].shape == (8, 1, 4, 4)
    assert data.fingerprint != whole.fingerprint


@pytest.mark.parametrize(("shrink", "padding", "cutout"), [(1, 4, 7), (2, 2, 4), (4, 1, 2)])
def test_paddings_and_squares_shrink_with_the_images(shrink, padding, cutout):
    """Padding by 4 pixels moves an image of 32 by an eighth of its side, and a shrunk one too."""
    augment = digits_data(shrink=shrink, batch_size=8, crop_padding=4, cutout=7).augment
    assert (augment.crop_padding, augment.cutout) == (padding, cutout)


@pytest.mark.parametrize(("shrink", "words"), [(3, "does not divide images of 8x8"), (0, "at least 1")])
def test_what_cannot_be(shrink, words):
    with pytest.raises(ConfigError, match=words):
        digits_data(shrink=shrink, batch_size=8).prepare()
