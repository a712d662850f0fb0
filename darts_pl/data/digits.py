"""Handwritten digits that scikit-learn ships: a small real problem without a download."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.split import holdout


@dataclass(frozen=True)
class Digits:
    """1,797 images of 8x8 pixels in one channel, ten classes (UCI, optical recognition of digits).

    Args:
        test_fraction: the share held out for testing, the same images every time.
    """

    test_fraction: float = 0.2

    def load(self) -> ImageArrays:
        """The images with their grey values 0..16 stretched to 0..255.

        Raises:
            DataError: a `test_fraction` out of range.
        """
        images, labels = load_digits(return_X_y=True)
        x = np.round(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
        y = labels.astype(np.int64)
        train, test = holdout(y, self.test_fraction, seed=0)
        classes = tuple(str(digit) for digit in range(10))
        return ImageArrays(x[train], y[train], x[test], y[test], classes, class_sorted=False, name="digits")
