"""One image file to pixels, all of one size, mode and depth, by rules that are kept for predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from darts_pl.data.depth import EIGHT, DepthRange, deep_values, depth_of
from darts_pl.data.open_image import open_image
from darts_pl.data.reading_notes import Notes
from darts_pl.data.transparency import OPAQUE, colour, on_background, with_alpha, without_hidden
from darts_pl.errors import ConfigError, DataError, nearest

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
MUCH = 0.1  # of the range cut off, to be warned of: the highest held-out value is often a little above
Pixels = npt.NDArray[np.uint8]


class ImageDecoder:
    """Decodes the files of one data set. Without `size` or `mode` the first image sets them for all others.

    Args:
        size: (H, W) to resize every image to, bilinear; None takes no image of another size.
        mode: "L", "RGB" or "RGBA" to convert every image to; None takes no image of another mode.
        background: the colour that transparent pixels are laid on; None keeps them in RGBA and refuses them elsewhere.
        value_range: the values of images deeper than 8 bits that become 0 and 255; None measures them.

    Attributes:
        notes: what is to be told of the images decoded.

    Raises:
        ConfigError: a size below 1, an unknown mode or colour, no range, a background for RGBA.
    """

    def __init__(
        self,
        size: Sequence[int] | None = None,
        mode: str | None = None,
        background: str | Sequence[int] | None = None,
        value_range: Sequence[float] | None = None,
    ):
        if mode is not None and mode not in CHANNELS:
            raise ConfigError(f"data.mode={mode!r} is no image mode. {nearest(mode, CHANNELS)}")
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ConfigError(f"data.resize={list(size)}, expected [H, W], each 1 or more")
        if mode == "RGBA" and background is not None:
            raise ConfigError("data.mode=RGBA keeps transparency and data.background lays it on a colour. Take one")
        self.size = None if size is None else (size[0], size[1])
        self.mode = mode
        self.background, self.range = colour(background), DepthRange(value_range)
        self.notes = Notes()
        self._resizes, self._converts, self._chosen = size is not None, mode is not None, value_range is not None
        self._depths: dict[str, str] = {}  # the first image of each depth
        self._trained = False

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "ImageDecoder":
        """A decoder that prepares further images exactly as the one whose `settings` these are."""
        decoder = cls(settings["size"], settings["mode"], None, settings["range"])
        decoder.background = colour(settings["background"])
        decoder._resizes, decoder._converts = settings["resizes"], settings["converts"]
        decoder._depths, decoder._trained = dict.fromkeys(settings["depths"], "the training's images"), True
        return decoder

    @property
    def settings(self) -> dict[str, Any]:
        """How the images were prepared, as JSON can write it."""
        assert self.size is not None  # an image was decoded
        return {
            "size": list(self.size),
            "resizes": self._resizes,
            "mode": self.mode,
            "converts": self._converts,
            "background": self.background and list(self.background),
            "range": self.range.limits and list(self.range.limits),
            "depths": sorted(self._depths),
        }

    def __call__(self, source: bytes | Image.Image, name: str, training: bool = True) -> Pixels | None:
        """Pixels uint8 [H, W, C], or None for an image deeper than 8 bits while its range is still being measured: then
        it is to be decoded again after `settle`.

        Args:
            source: the file's bytes, or an image that Pillow has opened.
            name: the file, for messages.
            training: whether the image takes part in the measuring.

        Raises:
            DataError: no image, a damaged one, one of another size, mode or depth, or one with transparent pixels where
                there is nothing to lay them on.
        """
        notes = Notes()
        image = open_image(source, name, notes)
        size = self._checked_size(image, name)
        self._check_depth(depth_of(image), name)
        if depth_of(image) != EIGHT:
            values = deep_values(image, name)
            if self.range.limits is None:
                if training:
                    self.range.see(values)
                return None
            self._note_scaling(values, depth_of(image), name, notes)
            image = _grey(self.range.scaled(values), values == image.info.get("transparency", np.nan))
        image = self._of_one_mode(with_alpha(image), name, notes)
        if (image.height, image.width) != size:
            image = image.resize(size[::-1], Image.Resampling.BILINEAR)
        self.notes.update(notes)
        pixels = np.asarray(image, dtype=np.uint8)
        return pixels.reshape(*pixels.shape[:2], -1)

    def _note_scaling(self, values: npt.NDArray[np.float64], depth: str, name: str, notes: Notes) -> None:
        low, high = self.range.known_limits
        notes.add(f"images of {depth}, of which the values from {low:g} to {high:g} become 0 to 255", name)
        if excess := self.range.excess(values):
            notes.add("images with values out of that range, which are cut off", name, warning=excess > MUCH)

    def settle(self, where: str) -> None:
        """Call it when all images were seen once: takes the range from them where it is still to be measured.

        Raises:
            DataError: see `DepthRange.settle`. ConfigError: a range was given and every image has 8 bits.
        """
        deep = [depth for depth in self._depths if depth != EIGHT]
        if self._chosen and not deep:
            raise ConfigError(
                f"data.range={list(self.range.known_limits)} is for images deeper than 8 bits; {where} has none"
            )
        if deep and self.range.limits is None:
            self.range.settle(where)

    def _checked_size(self, image: Image.Image, name: str) -> tuple[int, int]:
        """(H, W) that the image is to have."""
        found = (image.height, image.width)
        self.size = self.size or found
        if found != self.size and not self._resizes:
            advice = f" data.resize=[{self.size[0]},{self.size[1]}] brings all to one size."
            raise DataError(
                f"{name} is {found[0]}x{found[1]} (height x width), expected {self.size[0]}x{self.size[1]} like "
                f"{self._others}.{'' if self._trained else advice}"
            )
        return self.size

    def _check_depth(self, found: str, name: str) -> None:
        if not self._trained:
            self._depths.setdefault(found, name)
        kinds = {found, *self._depths}
        if kinds == {found} or (self._trained and found in self._depths):
            return
        expected = ", ".join(depth for depth in self._depths if depth != found)
        message = f"{name} has pixels of {found}, expected {expected} like {self._others}."
        if self._trained or len(kinds - {EIGHT}) > 1:
            raise DataError(f"{message} Bring all images to one depth")
        if not self._chosen:
            limits = "[0,65535]" if "16 bits" in kinds else "[LOWEST,HIGHEST]"
            raise DataError(f"{message} data.range={limits} says which of the deeper values become 0 and 255")

    def _of_one_mode(self, image: Image.Image, name: str, notes: Notes) -> Image.Image:
        target = self._target(image.mode, name)
        if image.mode not in ("LA", "RGBA"):
            return _converted(image, target)
        if target == "RGBA":
            return without_hidden(image.convert("RGBA"), name, notes)
        return _converted(on_background(image, self.background, name, self._trained), target)

    def _target(self, found: str, name: str) -> str:
        if self._converts:
            assert self.mode is not None  # it is what to convert to
            return self.mode
        plain = found if self.background is None else found.removesuffix("A")
        if plain == self.mode:
            return plain
        if self.mode is not None or plain not in CHANNELS:
            expected = f"{self.mode} like {self._others}" if self.mode else f"one of {', '.join(CHANNELS)}"
            advice = "" if self._trained else f" {_advice(found)}"
            raise DataError(f"{name} has mode {found!r}, expected {expected}.{advice}")
        self.mode = plain
        return plain

    @property
    def _others(self) -> str:
        return "the images of the training" if self._trained else "the images before it"


def _grey(values: npt.NDArray[np.float32], clear: npt.NDArray[np.bool_]) -> Image.Image:
    image = Image.fromarray(np.rint(values).astype(np.uint8))
    if clear.any():
        image.putalpha(Image.fromarray(np.where(clear, 0, OPAQUE).astype(np.uint8)))
    return image


def _converted(image: Image.Image, mode: str) -> Image.Image:
    """`Image.convert`, by way of RGB from LAB, where Pillow knows no other."""
    if image.mode == mode:
        return image
    return (image.convert("RGB") if image.mode == "LAB" else image).convert(mode)


def _advice(found: str) -> str:
    if found in ("LA", "RGBA"):
        plain = found.removesuffix("A")
        return f"data.mode=RGBA keeps the transparency; data.mode={plain} data.background=white lays all on a colour"
    return "data.mode=L converts all images" if found == "1" else "data.mode=RGB converts all images."
