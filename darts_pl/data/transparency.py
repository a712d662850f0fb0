"""Transparent pixels: kept in a channel, laid on a colour, or refused; never shown as what lies beneath."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor

from darts_pl.data.reading_notes import Notes
from darts_pl.errors import ConfigError, DataError

OPAQUE = 255
Colour = tuple[int, int, int]


def colour(given: str | Sequence[int] | None) -> Colour | None:
    """A colour by its name, as `#rrggbb` or as three numbers from 0 to 255.

    Raises:
        ConfigError: anything else.
    """
    if given is None:
        return None
    try:
        values = ImageColor.getrgb(given) if isinstance(given, str) else tuple(given)
    except (ValueError, TypeError):
        values = ()
    if len(values) != 3 or not all(type(value) is int and 0 <= value <= 255 for value in values):
        shown = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else given
        raise ConfigError(
            f"data.background={shown!r} is no colour, expected a name such as white, '#rrggbb' or [r,g,b] of 0 to 255"
        )
    return values


def _lowest_alpha(image: Image.Image) -> float:
    lowest, _ = image.getchannel("A").getextrema()
    assert not isinstance(lowest, tuple)  # of one channel it is a number
    return lowest


def with_alpha(image: Image.Image) -> Image.Image:
    """The image as LA or RGBA where it has transparency in any form (a channel, a palette's, a colour that stands for
    it) and some pixel makes use of it, or where its mode is RGBA; else without."""
    if not image.has_transparency_data:
        return image
    whole = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
    if image.mode == "RGBA" or _lowest_alpha(whole) < OPAQUE:
        return whole
    return whole.convert("RGB" if whole.mode == "RGBA" else "L")


def on_background(image: Image.Image, background: Colour | None, name: str, trained: bool = False) -> Image.Image:
    """An LA or RGBA image as RGB, its transparent pixels laid on the colour.

    Args:
        trained: the images belong to a network that is trained already, so that no option can be advised.

    Raises:
        DataError: transparent pixels and no colour to lay them on.
    """
    whole = image.convert("RGBA")
    if background is None and _lowest_alpha(whole) < OPAQUE:
        advice = (
            "The training had no data.background. Lay it on a colour first"
            if trained
            else "data.background=white (or another colour) lays them on it, data.mode=RGBA keeps them transparent"
        )
        raise DataError(
            f"{name} has transparent pixels, which would come out in the colours that are hidden beneath. {advice}"
        )
    ground = Image.new("RGBA", whole.size, (*(background or (0, 0, 0)), OPAQUE))
    return Image.alpha_composite(ground, whole).convert("RGB")


def without_hidden(image: Image.Image, name: str, notes: Notes) -> Image.Image:
    """An RGBA image whose wholly transparent pixels are black beneath, so that no network sees what was erased."""
    pixels = np.array(image)
    erased = pixels[..., 3] == 0
    if pixels[erased].any():
        notes.add("images with a colour beneath wholly transparent pixels, which is made black", name)
        pixels[erased] = 0
    return Image.fromarray(pixels)
