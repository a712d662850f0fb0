"""Images for a trained network, as those that it was trained on were: files decoded, pixels averaged, normalised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from darts_pl.bounded.fields import Fields, is_list, is_number, is_whole
from darts_pl.data.augment import normalise
from darts_pl.data.decode import CHANNELS, ImageDecoder
from darts_pl.data.depth import DEPTHS, EIGHT
from darts_pl.data.folder import check_source
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.data.reading_notes import log_notes
from darts_pl.errors import ConfigError, DataError

ImageFile = str | Path | Image.Image
MAX_SIDE = 100_000  # pixels


@dataclass(frozen=True)
class ImagePreprocessing(Preprocessing):
    """Image files to pixels, blocks of pixels averaged, each channel's mean and deviation taken out.

    Attributes:
        mean, std: of each channel, of pixels scaled to 0..1, by the training images.
        shrink: blocks of so many pixels in height and width are averaged into one.
        preparation: how files become pixels, as `ImageDecoder.settings` gives it; None where there were no files.
        size: (H, W) of the averaged images, where the network takes no others; images of this size are not averaged.
        rounds: averages are rounded, as `arrays.shrunk` does. Files of version 1 hold networks that were given some
            that were not.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    shrink: int = 1
    preparation: Mapping[str, Any] | None = None
    size: tuple[int, int] | None = None
    rounds: bool = True

    kind = "images"

    def transform(self, raw: Any) -> Tensor:
        """Images of 0 to 255 as (B, C, H, W), before they are averaged: of files, or an array or tensor of this shape,
        with the channels last, or without any where there is one.

        Raises:
            DataError: another shape, values out of range or none that images have; a file that is missing, no image or
                unlike the training's; files for a network that does not say how they are prepared.
        """
        if is_image_file(raw):
            return torch.from_numpy(decoded(self.preparation, raw)).permute(0, 3, 1, 2)
        if self.size is None:
            return images_of(raw, len(self.mean))
        height, width = self.size
        whole = (height * self.shrink, width * self.shrink)
        return images_of(raw, len(self.mean), list(dict.fromkeys((self.size, whole))))

    def arguments(self, like: Tensor, *inputs: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Images (B, C, H, W) of 0 to 255, uint8 or float, as the network takes them."""
        (x,) = (*inputs, *named.values())
        x = self._averaged(x.float().to(like.device))
        return (normalise(x, self.mean, self.std).to(like.dtype),), {}

    def _averaged(self, x: Tensor) -> Tensor:
        if self.shrink == 1 or x.shape[2:] == self.size:
            return x
        x = F.avg_pool2d(x, self.shrink)
        return x.round() if self.rounds else x

    def to_plain(self) -> dict[str, Any]:
        """As JSON can write it; `size` is the network's."""
        return {
            "mean": list(map(float, self.mean)),
            "std": list(map(float, self.std)),
            "shrink": self.shrink,
            "rounds": self.rounds,
            "preparation": self.preparation and dict(self.preparation),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "ImagePreprocessing":
        """See the base."""
        fields = Fields(plain, "preprocessing.values")
        preparation = fields.value("preparation", "a mapping or null", lambda v: v is None or isinstance(v, dict))
        found = cls(
            tuple(fields.numbers("mean")),
            tuple(fields.numbers("std", positive=True)),
            fields.whole("shrink", highest=MAX_SIDE),
            preparation and checked_preparation(fields.fields("preparation")),
            rounds=fields.flag("rounds"),
        )
        fields.done()
        return found


def checked_preparation(fields: Fields) -> Mapping[str, Any]:
    """What `ImageDecoder.from_settings` can take.

    Raises:
        ConfigError: anything else.
    """
    fields.value("size", f"[H, W], each from 1 to {MAX_SIDE}", _is_size)
    fields.flag("resizes")
    fields.flag("converts")
    fields.text("mode", CHANNELS)
    fields.value("background", "[r, g, b] of 0 to 255, or null", _is_colour)
    limits = fields.value("range", "[lowest, highest], or null", _is_range)
    expected = f"some of {', '.join(DEPTHS)}"
    depths = fields.value("depths", expected, lambda v: is_list(v, fewest=1) and all(each in DEPTHS for each in v))
    if limits is None and depths != [EIGHT]:
        raise ConfigError(f"{fields.place}range is null, expected numbers for images of {depths}")
    fields.done()
    return fields.values


def _is_size(value: Any) -> bool:
    return is_list(value) and len(value) == 2 and all(is_whole(side) and 1 <= side <= MAX_SIDE for side in value)


def _is_colour(value: Any) -> bool:
    return value is None or (is_list(value) and len(value) == 3 and all(is_whole(v) and 0 <= v <= 255 for v in value))


def _is_range(value: Any) -> bool:
    return value is None or (is_list(value) and len(value) == 2 and all(map(is_number, value)) and value[0] < value[1])


def is_image_file(raw: Any) -> bool:
    """Whether `raw` is an image file, an image of Pillow's, or a list of these, rather than numbers."""
    if isinstance(raw, ImageFile):
        return True
    return isinstance(raw, list | tuple) and bool(raw) and all(isinstance(each, ImageFile) for each in raw)


def decoded(preparation: Mapping[str, Any] | None, images: ImageFile | Sequence[ImageFile]) -> npt.NDArray[np.uint8]:
    """Pixels uint8 [N, H, W, C] of image files: upright, of the training's size, mode, depth and background.

    Args:
        preparation: as `ImageDecoder.settings` gives it.
        images: a path, an image that Pillow has opened, or a list of these.

    Raises:
        DataError: see `ImagePreprocessing.transform`.
    """
    if preparation is None:
        raise DataError(
            "the model does not say how image files are prepared: it was trained on none, or saved before this was "
            "kept. Pass arrays (B, C, H, W) of 0 to 255, prepared as in its training"
        )
    decoder = ImageDecoder.from_settings(preparation)
    each = [images] if isinstance(images, ImageFile) else list(images)
    pixels = [_pixels(decoder, image, number) for number, image in enumerate(each)]
    log_notes(decoder.notes.found("images to predict"))
    return np.stack(pixels)


def _pixels(decoder: ImageDecoder, image: ImageFile, number: int) -> npt.NDArray[np.uint8]:
    if isinstance(image, Image.Image):
        return _known(decoder(image, f"image {number}"))
    path = Path(image).expanduser()
    check_source(path)
    try:
        return _known(decoder(path.read_bytes(), str(path)))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}), expected an image file") from error


def _known(pixels: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.uint8]:
    assert pixels is not None, "the range of deep images is measured in a training alone"
    return pixels


def images_of(raw: Any, channels: int, sizes: Sequence[tuple[int, int]] | None = None) -> Tensor:
    """Images of 0 to 255 as (B, C, H, W): a tensor or array of this shape, with the channels last, or without any where
    there is one.

    Args:
        sizes: (H, W) that there may be; None for any.

    Raises:
        DataError: another shape, values out of range or none that images of 0 to 255 have.
    """
    if not isinstance(raw, Tensor):
        try:
            raw = torch.from_numpy(np.ascontiguousarray(raw))
        except (TypeError, ValueError) as error:
            raise DataError(f"found {type(raw).__name__}, expected images as one array: {error}") from error
    found = _channels_first(raw, channels, sizes)
    if found is None:
        known = [f"(images, {channels}, {height}, {width})" for height, width in sizes or ()]
        expected = " or ".join(known) or f"(images, {channels}, height, width)"
        raise DataError(f"found an array of {tuple(raw.shape)}, expected {expected} or with the channels last")
    if found.numel():
        low, high = float(found.min()), float(found.max())
        if not 0 <= low <= high <= 255 or (found.is_floating_point() and 0 < high <= 1):
            raise DataError(f"found values from {low:g} to {high:g}, expected the values of images, 0 to 255")
    return found


def _channels_first(raw: Tensor, channels: int, sizes: Sequence[tuple[int, int]] | None) -> Tensor | None:
    tried = [raw] if raw.dim() == 4 else [raw.unsqueeze(1)] if raw.dim() == 3 and channels == 1 else []
    tried += [raw.permute(0, 3, 1, 2)] if raw.dim() == 4 else []
    for each in tried:
        if each.shape[1] == channels and (sizes is None or tuple(each.shape[2:]) in sizes):
            return each
    return None
