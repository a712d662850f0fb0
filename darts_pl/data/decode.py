"""One image file to pixels, all of one size and mode."""

import io
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from darts_pl.errors import ConfigError, DataError, nearest

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
UNDECODABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


@dataclass
class ImageDecoder:
    """Decodes the files of one data set. Without `size` or `mode` the first image sets them for all others.

    Attributes:
        size: (H, W) to resize every image to, bilinear; None takes no image of another size.
        mode: "L", "RGB" or "RGBA" to convert every image to; None takes no image of another mode.

    Raises:
        ConfigError: a size below 1 or an unknown mode.
    """

    size: tuple[int, int] | None = None
    mode: str | None = None

    def __post_init__(self) -> None:
        if self.mode is not None and self.mode not in CHANNELS:
            raise ConfigError(f"mode={self.mode!r} is no image mode. {nearest(self.mode, CHANNELS)}")
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ConfigError(f"resize={list(self.size)}, expected [H, W], each 1 or more")
        self._resizes, self._converts = self.size is not None, self.mode is not None

    def __call__(self, data: bytes, name: str) -> npt.NDArray[np.uint8]:
        """Pixels uint8 [H, W, C].

        Args:
            data: the file's bytes.
            name: the file, for messages.

        Raises:
            DataError: no image, a damaged one, or one of another size or mode.
        """
        try:
            with Image.open(io.BytesIO(data)) as image:
                self._check(image, name)
                pixels = np.asarray(self._fit(image), dtype=np.uint8)
        except UNDECODABLE as error:
            raise DataError(f"{name} is not an image or is damaged ({type(error).__name__}: {error})") from error
        return pixels.reshape(*pixels.shape[:2], -1)

    def _check(self, image: Image.Image, name: str) -> None:
        found = (image.height, image.width)
        self.size = self.size or found
        if found != self.size and not self._resizes:
            raise DataError(
                f"{name} is {found[0]}x{found[1]} (height x width), expected {self.size[0]}x{self.size[1]} like "
                f"the images before it. resize=[{self.size[0]},{self.size[1]}] brings all to one size."
            )
        if self._converts or image.mode == self.mode:
            return
        if self.mode is not None or image.mode not in CHANNELS:
            expected = self.mode or f"one of {', '.join(CHANNELS)}"
            raise DataError(f"{name} has mode {image.mode!r}, expected {expected}. mode=RGB converts all images.")
        self.mode = image.mode

    def _fit(self, image: Image.Image) -> Image.Image:
        if image.mode != self.mode:
            image = image.convert(self.mode)
        if (image.height, image.width) != self.size:
            height, width = self.size
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return image
