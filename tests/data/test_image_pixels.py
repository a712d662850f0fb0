"""What becomes of pixels: upright, nothing that was erased, one page; by rules that predictions share."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.decode import ImageDecoder
from darts_pl.data.image_files import ImageFiles
from darts_pl.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("own_cache")
MARKED = np.random.default_rng(5).integers(0, 256, (4, 6, 3), dtype=np.uint8)  # no symmetry


def file_of(image: Image.Image, kind: str = "png", **how) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **how)
    return stream.getvalue()


def decoded(image: Image.Image | bytes, kind: str = "png", **options) -> np.ndarray:
    return ImageDecoder(**options)(image if isinstance(image, bytes) else file_of(image, kind), "x")


def folder(root: Path, images: Callable[[int, int], bytes], suffix: str = "png", count: int = 10) -> Path:
    """Class folders a and b of `count` files each, made of the class and the number."""
    for label, name in enumerate("ab"):
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number}.{suffix}").write_bytes(images(label, number))
    return root


def told(arrays: ImageArrays, words: str) -> bool:
    return any(words in note.text for note in arrays.notes)


# Where the first row and the first column of the stored pixels belong, from the EXIF standard (JEITA CP-3451, 4.6.4 A).
STORED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, 1),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: np.rot90(x, -1),
}


@pytest.mark.parametrize("kind", ["png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_turned_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](MARKED)))
    how = {"lossless": True} if kind == "webp" else {}
    np.testing.assert_array_equal(decoded(file_of(stored, kind, exif=exif, **how)), MARKED)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_there_is_not_turns_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decoded(file_of(Image.fromarray(MARKED), exif=exif)), MARKED)


def test_turned_photographs_are_told_and_of_one_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    def image(label: int, number: int) -> bytes:
        if number % 2:
            return file_of(Image.fromarray(np.rot90(MARKED)), exif=exif)
        return file_of(Image.fromarray(MARKED))

    arrays = ImageFiles(folder(tmp_path / "turned", image)).load()
    assert (arrays.train_x == MARKED).all() and told(arrays, "turned upright by their EXIF orientation (10)")


@pytest.mark.parametrize("exif", [b"no tiff at all", b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03", b"II*\0\xff\xff\xff\xff"])
def test_damaged_exif_data_are_told_and_no_reason_to_stop(exif: bytes) -> None:
    decoder = ImageDecoder()
    np.testing.assert_array_equal(decoder(file_of(Image.fromarray(MARKED), exif=b"Exif\0\0" + exif), "x.png"), MARKED)
    (note,) = decoder.notes.found("here")
    assert note.warning and "EXIF" in note.text and "(1), such as x.png" in note.text


# An opaque left and a transparent right half, whose hidden colour must not be seen, in every form of transparency.
SHOWN, HIDDEN = (200, 100, 50), (10, 220, 30)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(depth: int, colour: int, rows: list[bytes], transparent: bytes) -> bytes:
    """A PNG of 4x4 pixels written by the standard, with a tRNS chunk."""
    header = struct.pack(">IIBBBBB", 4, 4, depth, colour, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = _chunk(b"IHDR", header), _chunk(b"tRNS", transparent), _chunk(b"IDAT", content), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _rgba() -> Image.Image:
    pixels = np.empty((4, 4, 4), np.uint8)
    pixels[:, :2], pixels[:, 2:] = (*SHOWN, 255), (*HIDDEN, 0)
    return Image.fromarray(pixels)


def _palette(transparency: int | bytes) -> bytes:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*SHOWN, *HIDDEN])
    image.paste(1, (2, 0, 4, 4))
    return file_of(image, transparency=transparency)


CLEAR = {
    "RGBA": lambda: file_of(_rgba()),
    "RGBA webp": lambda: file_of(_rgba(), "webp", lossless=True, exact=True),
    "RGBA tiff": lambda: file_of(_rgba(), "tiff"),
    "P and an index": lambda: _palette(1),
    "P and alphas": lambda: _palette(b"\xff\x00"),
    "gif": lambda: file_of(Image.open(io.BytesIO(_palette(1))), "gif"),
    "RGB and a colour": lambda: png(8, 2, [bytes(SHOWN * 2 + HIDDEN * 2)] * 4, struct.pack(">3H", *HIDDEN)),
    "16-bit RGB and a colour": lambda: png(
        16,
        2,
        [struct.pack(">12H", *(257 * v for v in SHOWN * 2 + HIDDEN * 2))] * 4,
        struct.pack(">3H", *(257 * v for v in HIDDEN)),
    ),
}


@pytest.mark.parametrize("name", CLEAR)
def test_erased_pixels_never_come_back(name: str) -> None:
    data = CLEAR[name]()
    with pytest.raises(DataError, match=r"transparent pixels.*data\.background=white.*data\.mode=RGBA"):
        decoded(data, mode="RGB")
    with pytest.raises(DataError, match=r"transparent pixels"):
        decoded(data, mode="L")
    for background, expected in (("white", (255, 255, 255)), ("#0102ff", (1, 2, 255)), ([9, 8, 7], (9, 8, 7))):
        on_colour = decoded(data, mode="RGB", background=background)
        assert (on_colour[:, :2] == SHOWN).all() and (on_colour[:, 2:] == expected).all()
    kept = decoded(data, mode="RGBA")
    assert (kept[:, :2] == (*SHOWN, 255)).all() and (kept[:, 2:] == 0).all()
    small = decoded(data, mode="RGBA", size=(2, 2)).astype(int)  # the colours of what is shown, weighed by alpha
    assert abs(small[..., :3] - SHOWN).max() < 8 and small[0, 0, 3] > 200 and small[0, 1, 3] < 50


GREY = {
    "LA": lambda: file_of(Image.merge("LA", [_rgba().getchannel("R"), _rgba().getchannel("A")])),
    "L and a grey": lambda: png(8, 0, [bytes([200, 200, 10, 10])] * 4, struct.pack(">H", 10)),
    "4 bits and a grey": lambda: png(4, 0, [b"\xcc\x33"] * 4, struct.pack(">H", 3)),
    "2 bits and a grey": lambda: png(2, 0, [b"\xa5"] * 4, struct.pack(">H", 1)),
    "1 bit and a grey": lambda: png(1, 0, [b"\xc0"] * 4, struct.pack(">H", 0)),
}


@pytest.mark.parametrize("name", GREY)
def test_erased_greys_never_come_back(name: str) -> None:
    data = GREY[name]()
    with pytest.raises(DataError, match=r"transparent pixels"):
        decoded(data, mode="L")
    found = decoded(data, mode="L", background=[77, 77, 77])
    assert (found[:, 2:] == 77).all() and (found[:, :2] > 150).all()
    assert (decoded(data, mode="RGBA")[:, 2:] == 0).all()


def test_a_transparent_deep_grey_is_laid_on_the_background() -> None:
    data = png(16, 0, [struct.pack(">4H", 60_000, 60_000, 300, 300)] * 4, struct.pack(">H", 300))
    with pytest.raises(DataError, match="transparent pixels"):
        decoded(data, mode="L", value_range=[0, 65_535])
    found = decoded(data, background="white", value_range=[0, 65_535])
    assert (found[:, 2:] == 255).all() and (found[:, :2] == round(60_000 / 257)).all()


def test_half_transparent_pixels_are_mixed_with_the_background() -> None:
    data = file_of(Image.new("RGBA", (4, 4), (200, 100, 0, 51)))
    np.testing.assert_allclose(decoded(data, background="white")[0, 0], [244, 224, 204], atol=1)


def test_an_opaque_alpha_channel_needs_no_background() -> None:
    opaque = Image.fromarray(MARKED).convert("RGBA")
    np.testing.assert_array_equal(decoded(opaque, mode="RGB"), MARKED)
    assert decoded(opaque).shape == (4, 6, 4)


def test_a_background_without_a_mode_makes_rgb_of_transparent_and_opaque_images(tmp_path: Path) -> None:
    def image(label: int, number: int) -> bytes:
        return file_of(_rgba() if number % 2 else Image.new("RGB", (4, 4), SHOWN))

    root = folder(tmp_path / "both", image)
    assert ImageFiles(root, background="black").load().train_x.shape[1:] == (4, 4, 3)
    with pytest.raises(DataError, match=r"a/1\.png has mode 'RGBA', expected RGB .*data\.mode=RGBA keeps") as refused:
        ImageFiles(root).load()
    assert "Refused are 10 images, also a/3.png" in str(refused.value)


@pytest.mark.parametrize("given", ["whit", "#12345", [1, 2], [1, 2, 300], [1.0, 1.0, 1.0], 7, "rgba(1,2,3,4)"])
def test_an_impossible_background_is_named(given: object) -> None:
    with pytest.raises(ConfigError, match=r"data\.background=.*is no colour"):
        ImageDecoder(background=given)


def test_a_background_under_rgba_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.mode=RGBA.*data\.background.*Take one"):
        ImageDecoder(mode="RGBA", background="white")


@pytest.mark.parametrize("kind", ["tiff", "gif", "webp", "png"])
def test_further_pages_and_frames_are_counted_and_named(kind: str, tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(MARKED, shift, 0)) for shift in range(3)]

    def image(label: int, number: int) -> bytes:
        how = {"save_all": True, "append_images": frames[1:]} if (label, number) == (0, 4) else {}
        return file_of(frames[0], kind, **how)

    arrays = ImageFiles(folder(tmp_path / "pages", image, kind), mode="RGB").load()
    (note,) = [note for note in arrays.notes if "pages or frames" in note.text]
    assert note.warning and note.text.endswith(f"the first is read (1), such as a/4.{kind} has 3")


MODES = {
    "1": (lambda: Image.fromarray(MARKED[..., 0] > 99), "png", "L"),
    "P": (lambda: Image.fromarray(MARKED).quantize(200), "png", "RGB"),
    "CMYK": (lambda: Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "tiff", "RGB"),
    "YCbCr": (lambda: Image.fromarray(MARKED).convert("YCbCr"), "tiff", "RGB"),
}


@pytest.mark.parametrize("name", MODES)
def test_other_modes_name_a_mode_that_loses_nothing(name: str) -> None:
    image_of, kind, advised = MODES[name]
    data = file_of(image_of(), kind)
    with pytest.raises(DataError, match=rf"mode '{name}', expected one of .*data\.mode={advised}"):
        decoded(data)
    np.testing.assert_array_equal(decoded(data, mode="RGB"), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize(("mode", "expected"), [("RGB", (255, 0, 0)), ("L", 76)])
def test_lab_is_converted(mode: str, expected: object) -> None:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    data = file_of(ImageCms.applyTransform(Image.new("RGB", (4, 4), (255, 0, 0)), transform), "tiff")
    np.testing.assert_allclose(decoded(data, mode=mode)[0, 0].astype(int), np.atleast_1d(expected), atol=8)


def test_colours_of_16_bits_are_told() -> None:
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    content = zlib.compress((b"\0" + struct.pack(">12H", *range(0, 60_000, 5000))) * 4)
    chunks = b"".join(map(_chunk, (b"IHDR", b"IDAT", b"IEND"), (header, content, b"")))
    decoder = ImageDecoder()
    found = decoder(b"\x89PNG\r\n\x1a\n" + chunks, "x")
    assert found[0, 1].tolist() == [15_000 >> 8, 20_000 >> 8, 25_000 >> 8]
    assert "colours of 16 bits, of which the upper 8 are read" in decoder.notes.found("here")[0].text


def test_no_other_program_is_asked_to_draw() -> None:
    with pytest.raises(DataError, match="is not an image"):
        decoded(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\n")


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "gif", "webp", "tiff", "ppm", "jpeg2000", "avif", "tga"])
def test_damaged_files_are_refused_by_name_or_read(kind: str) -> None:
    """Bytes changed and ends cut off at random; nothing but an image or a refusal comes out."""
    random = np.random.default_rng(0)
    try:
        whole = file_of(Image.fromarray(MARKED), kind)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow writes no {kind}")
    refused = 0
    for number in range(60):
        data = bytearray(whole[: random.integers(1, len(whole))] if number % 3 == 0 else whole)
        for place in random.integers(0, min(len(data), 300), 3 * (number % 3)):
            data[place] = random.integers(256)
        try:
            assert decoded(bytes(data), mode="RGB", size=(2, 2), background="white").shape == (2, 2, 3)
        except DataError as error:
            assert str(error).startswith("x ")
            refused += 1
    assert refused > 5
