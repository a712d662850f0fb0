"""What conf/data names for images: handwritten digits, CIFAR-10, and images of one's own in folders or archives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.cifar10 import Cifar10
from darts_pl.data.image import ImageData
from darts_pl.data.image_files import ImageFiles
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


class DigitsData(ImageData):
    """scikit-learn's handwritten digits; the arguments are those of `ImageData`."""

    def __init__(self, **image_data: Any) -> None:
        super().__init__(source=Digits(), **image_data)


class Cifar10Data(ImageData):
    """CIFAR-10 below `root`, else $DARTS_PL_DATA, else downloaded; the other arguments are those of `ImageData`."""

    def __init__(self, root: str | None = None, download: bool = True, **image_data: Any) -> None:
        super().__init__(source=Cifar10(root=root, download=download), **image_data)


class ImageFileData(ImageData):
    """Images in class folders or an archive of them, see `ImageFiles`; the other arguments are those of `ImageData`."""

    def __init__(
        self,
        root: str,
        resize: tuple[int, int] | None = None,
        mode: str | None = None,
        background: str | Sequence[int] | None = None,
        range: Sequence[float] | None = None,
        test_fraction: float = 0.2,
        **image_data: Any,
    ) -> None:
        source = ImageFiles(root, test_fraction, resize, mode, background=background, range=range)
        super().__init__(source=source, **image_data)
