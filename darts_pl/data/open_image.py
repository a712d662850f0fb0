"""An image file opened: its first page, upright, before any of its pixels are converted."""

import functools
import io
import struct
import warnings

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from darts_pl.data.depth import EIGHT, depth_of
from darts_pl.data.reading_notes import Notes
from darts_pl.errors import DataError

# Not PostScript, which Pillow hands to another program, nor what is no image by itself.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "PCX", "SGI", "TGA")
# What Pillow raises of damaged files, besides a size that would fill the memory.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    KeyError,
    TypeError,
    IndexError,
    OverflowError,
    RuntimeError,  # AVIF
)
UPRIGHT, ORIENTATIONS = 1, range(1, 9)  # of EXIF
SIXTEEN = ";16"  # in Pillow's name of how pixels are stored
UNITS = {"L;2": 85, "L;4": 17}  # of a transparent grey, which Pillow does not scale with the pixels


def open_image(source: bytes | Image.Image, name: str, notes: Notes) -> Image.Image:
    """The first page or frame of an image file, decoded and turned upright by its EXIF orientation.

    Args:
        source: the file's bytes, or an image that Pillow has opened.
        notes: takes what is left out or changed: further pages, the orientation, colours of 16 bits.

    Raises:
        DataError: no image, a damaged one, or one of so many pixels that it may be an attack.
    """
    with warnings.catch_warnings(record=True) as caught:  # which do not name the file
        warnings.simplefilter("always")
        image, stored, orientation = _loaded(source, name, notes)
    for warning in caught[:1]:
        notes.add("images that Pillow warns of", f"{name} ({warning.message})", warning=True)
    if orientation != UPRIGHT:
        notes.add("images turned upright by their EXIF orientation", f"{name} from {orientation}")
        image = ImageOps.exif_transpose(image)
    if SIXTEEN in stored and depth_of(image) == EIGHT:
        notes.add("images with colours of 16 bits, of which the upper 8 are read", name, warning=True)
    _mend_transparency(image, stored)
    return image


def _loaded(source: bytes | Image.Image, name: str, notes: Notes) -> tuple[Image.Image, str, int]:
    """The decoded image, how its pixels are stored and its orientation."""
    try:
        image = source if isinstance(source, Image.Image) else Image.open(io.BytesIO(source), formats=_formats())
        if (pages := getattr(image, "n_frames", 1)) > 1:
            what = "images with further pages or frames, of which the first is read"
            notes.add(what, f"{name} has {pages}", warning=True)
        stored = str([tile[3] for tile in getattr(image, "tile", ())])
        if image is source:
            image = image.copy()  # somebody's own keeps its EXIF data
        orientation = _orientation(image, name, notes)
        image.load()
    except UnidentifiedImageError as error:
        raise DataError(f"{name} is not an image or is damaged: no readable {' or '.join(FORMATS)}") from error
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise DataError(f"{name} is not an image or is damaged ({type(error).__name__}: {error})") from error
    return image, stored, orientation


@functools.cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _orientation(image: Image.Image, name: str, notes: Notes) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except UNREADABLE as error:
        notes.add("images whose EXIF data are damaged, taken as upright", f"{name} ({error})", warning=True)
        orientation = UPRIGHT
    for key in ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"):
        image.info.pop(key, None)  # read above; exif_transpose would write them anew, odd ones as well
    return orientation if orientation in ORIENTATIONS else UPRIGHT


def _mend_transparency(image: Image.Image, stored: str) -> None:
    """Bring a colour that stands for transparency to the units of the pixels."""
    colour = image.info.get("transparency")
    unit = next((unit for kind, unit in UNITS.items() if kind in stored), 1)
    if isinstance(colour, int) and image.mode == "L":
        image.info["transparency"] = min(colour * unit, 255)
    elif isinstance(colour, tuple) and SIXTEEN in stored:
        image.info["transparency"] = tuple(value >> 8 for value in colour)
