"""Image files for a trained network, prepared exactly as those that it was trained on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from darts_pl.data.arrays import shrunk
from darts_pl.data.decode import ImageDecoder
from darts_pl.data.folder import check_source
from darts_pl.data.reading_notes import log_notes
from darts_pl.errors import DataError

ImageFile = str | Path | Image.Image


def is_image_file(raw: Any) -> bool:
    """Whether `raw` is an image file, an image of Pillow's, or a list of these, rather than numbers."""
    if isinstance(raw, ImageFile):
        return True
    return isinstance(raw, list | tuple) and bool(raw) and all(isinstance(each, ImageFile) for each in raw)


def prepared_images(
    preparation: Mapping[str, Any] | None, images: ImageFile | Sequence[ImageFile]
) -> npt.NDArray[np.uint8]:
    """Pixels uint8 [N, H, W, C] of image files: upright, of the training's size, mode, depth and background.

    Args:
        preparation: as `ImageData.preparation` gives it.
        images: a path, an image that Pillow has opened, or a list of these.

    Raises:
        DataError: a file that is missing, no image or unlike the training's in what was not converted there; images for
            a network whose file does not say how they are prepared.
    """
    if preparation is None:
        raise DataError(
            "the model does not say how image files are prepared: it was trained on none, or saved before this was "
            "kept. Pass arrays (B, C, H, W) of 0 to 255, prepared as in its training"
        )
    settings = dict(preparation)
    shrink = settings.pop("shrink")
    decoder = ImageDecoder.from_settings(settings)
    each = [images] if isinstance(images, ImageFile) else list(images)
    pixels = [_pixels(decoder, image, number) for number, image in enumerate(each)]
    log_notes(decoder.notes.found("images to predict"))
    return shrunk(np.stack(pixels), shrink) if shrink > 1 else np.stack(pixels)


def _pixels(decoder: ImageDecoder, image: ImageFile, number: int) -> npt.NDArray[np.uint8]:
    if isinstance(image, Image.Image):
        return decoder(image, f"image {number}")
    path = Path(image).expanduser()
    check_source(path)
    try:
        return decoder(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}), expected an image file") from error
