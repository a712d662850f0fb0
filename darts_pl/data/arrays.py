"""What every image source returns: whole data sets as uint8 arrays, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from darts_pl.data.reading_notes import Note
from darts_pl.errors import ConfigError, DataError


@dataclass(frozen=True)
class ImageArrays:
    """Training and test images with their labels.

    Attributes:
        train_x, test_x: uint8 [N, H, W, C], values 0..255.
        train_y, test_y: int64 [N], indices into `classes`.
        classes: names of the classes, in the order of the labels.
        class_sorted: the training images come sorted by class, as image folders do; then a cut without
            shuffling would give each half other classes.
        name: what the data set is called in reports.
        preparation: how files became these pixels, as `ImageDecoder.settings` gives it; None where they were none.
        notes: what is to be told of the data whenever they are used.

    Raises:
        DataError: arrays that do not fit together; the message names the array.
    """

    train_x: npt.NDArray[np.uint8]
    train_y: npt.NDArray[np.int64]
    test_x: npt.NDArray[np.uint8]
    test_y: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    class_sorted: bool
    name: str
    preparation: Mapping[str, Any] | None = None
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        for part, x, y in (("train", self.train_x, self.train_y), ("test", self.test_x, self.test_y)):
            if x.dtype != np.uint8 or x.ndim != 4:
                raise DataError(f"{self.name}: {part}_x is {x.dtype} {list(x.shape)}, expected uint8 [N, H, W, C]")
            if y.dtype != np.int64 or y.shape != x.shape[:1]:
                raise DataError(f"{self.name}: {part}_y is {y.dtype} {list(y.shape)}, expected int64 [{len(x)}]")
            if len(y) and not 0 <= y.min() <= y.max() < len(self.classes):
                raise DataError(
                    f"{self.name}: {part}_y holds labels {y.min()}..{y.max()}, expected 0..{len(self.classes) - 1}"
                )
        if self.train_x.shape[1:] != self.test_x.shape[1:]:
            raise DataError(
                f"{self.name}: training images are {list(self.train_x.shape[1:])}, "
                f"test images {list(self.test_x.shape[1:])} [H, W, C]; both must be alike"
            )


def channel_statistics(x: npt.NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of uint8 [N, H, W, C], scaled to 0..1.

    Counted from a histogram, hence exact and small in memory. A channel of one value gets the deviation 1.
    """
    value = np.arange(256) / 255
    means, deviations = [], []
    for channel in range(x.shape[-1]):
        blocks = (x[start : start + 1000, ..., channel].ravel() for start in range(0, len(x), 1000))
        share = sum(np.bincount(block, minlength=256) for block in blocks) / x[..., channel].size
        means.append(float(share @ value))
        deviations.append(float(np.sqrt(share @ (value - means[-1]) ** 2)) or 1.0)
    return tuple(means), tuple(deviations)


def shrunk(x: npt.NDArray[np.uint8], factor: int) -> npt.NDArray[np.uint8]:
    """Images uint8 [N, H, W, C] with each block of factor x factor pixels averaged into one: [N, H/f, W/f, C].

    Raises:
        ConfigError: H or W is no multiple of the factor.
    """
    n, height, width, channels = x.shape
    if height % factor or width % factor:
        raise ConfigError(f"data.shrink={factor} does not divide images of {height}x{width} pixels")
    blocks = x.reshape(n, height // factor, factor, width // factor, factor, channels)
    return np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
