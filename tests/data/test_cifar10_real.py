"""The real CIFAR-10, wherever it lies at hand."""

from pathlib import Path

import numpy as np

from darts_pl.data.arrays import channel_statistics
from darts_pl.data.cifar10 import Cifar10
from darts_pl.data.cifar10_batches import CLASSES


def test_the_real_images(real_data: Path) -> None:
    """Decoded once into the user's cache (about half a minute), read from there afterwards."""
    arrays = Cifar10(real_data).load()
    assert arrays.train_x.shape == (50000, 32, 32, 3) and arrays.test_x.shape == (10000, 32, 32, 3)
    assert arrays.classes == CLASSES
    assert np.bincount(arrays.train_y).tolist() == [5000] * 10
    assert np.bincount(arrays.test_y).tolist() == [1000] * 10
    mean, std = channel_statistics(arrays.train_x)
    np.testing.assert_allclose(mean, (0.49139968, 0.48215827, 0.44653124), atol=1e-3)
    np.testing.assert_allclose(std, (0.24703233, 0.24348505, 0.26158768), atol=4e-3)
