"""Pixels of 16 or 32 bits and of floating point, brought to 0..255 by one range for a whole data set."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from darts_pl.errors import ConfigError, DataError

EIGHT = "8 bits"
DEEP = {"I": "32 bits", "F": "floating point"}  # by Pillow's mode; 16 bits have several
DEPTHS = (EIGHT, "16 bits", *DEEP.values())
SAMPLE = 4096  # pixels of an image that are looked at for the spread of the values
KEPT = 1 << 20  # of all images
PHOTOMETRIC, SAMPLE_FORMAT = 262, 339
WHITE_IS_ZERO, UNSIGNED = 0, 1


def depth_of(image: Image.Image) -> str:
    """The depth of the image's pixels: "8 bits" or less, "16 bits", "32 bits" or "floating point"."""
    if image.mode.startswith("I;16"):
        return "16 bits"
    return DEEP.get(image.mode, EIGHT)


def deep_values(image: Image.Image, name: str) -> npt.NDArray[np.float64]:
    """The values [H, W] of an image deeper than 8 bits.

    Raises:
        DataError: values that are not finite.
    """
    values = np.asarray(image)
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    if values.dtype == np.int32 and values.min(initial=0) < 0 and tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0] == UNSIGNED:
        values = values.view(np.uint32)  # Pillow has no mode for it
    values = values.astype(np.float64)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO and image.mode.startswith("I;16"):
        values = 65535 - values  # which Pillow does for 8 bits
    if wrong := int((~np.isfinite(values)).sum()):
        raise DataError(f"{name} has {wrong} values that are not finite (NaN or infinite). Fill them or leave it out")
    return values


class DepthRange:
    """Which value becomes 0 and which 255: as given, or the lowest and highest of the images seen.

    Raises:
        ConfigError: no two rising numbers.
    """

    def __init__(self, given: Sequence[float] | None = None):
        if given is not None:
            given = tuple(map(float, given))
            if len(given) != 2 or not (math.isfinite(given[1] - given[0]) and given[0] < given[1]):
                raise ConfigError(f"data.range={list(given)}: expected [lowest, highest], two rising numbers")
        self.limits = given
        self._low, self._high = math.inf, -math.inf
        self._sample: list[npt.NDArray[np.float64]] = []
        self._kept = 0

    def see(self, values: npt.NDArray[np.float64]) -> None:
        """Take in the values of a training image."""
        self._low, self._high = min(self._low, values.min()), max(self._high, values.max())
        if self._kept < KEPT:
            sample = np.unique(values.ravel()[:: max(1, values.size // SAMPLE)])
            self._sample.append(sample)
            self._kept += len(sample)

    def settle(self, where: str) -> None:
        """Take the range from what was seen.

        Raises:
            DataError: one value only, or values so far apart that nearly all of the distinct ones would become one.
        """
        low, high = float(self._low), float(self._high)
        if not low < high:
            raise DataError(
                f"{where}: every pixel of the training images is {low:g}, which is nothing to tell classes by. "
                "data.range=[lowest, highest] names the values that become 0 and 255"
            )
        distinct = np.unique(np.concatenate(self._sample))
        levels = np.rint((distinct - low) / (high - low) * 255).astype(int)
        if len(distinct) > 16 and np.bincount(levels).max() > 0.9 * len(distinct):
            near, far = np.quantile(distinct, [0.02, 0.98])
            raise DataError(
                f"{where}: the pixels reach from {low:g} to {high:g}, but of the distinct values nearly all lie from "
                f"{near:g} to {far:g} and would become one. data.range=[{near:.6g},{far:.6g}] takes these apart and "
                "cuts off the rest (or mend the images where the far ones mark what is missing)"
            )
        self.limits = low, high

    @property
    def known_limits(self) -> tuple[float, float]:
        """The limits, once they are given or settled."""
        assert self.limits is not None
        return self.limits

    def excess(self, values: npt.NDArray[np.float64]) -> float:
        """How far the values reach out of the range, where they are cut off, as a share of it."""
        low, high = self.known_limits
        return float(max(low - values.min(), values.max() - high, 0) / (high - low))

    def scaled(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """The values [H, W] as 0..255, not rounded."""
        low, high = self.known_limits
        return ((np.clip(values, low, high) - low) * (255 / (high - low))).astype(np.float32)
