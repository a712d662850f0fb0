"""Images of more than 8 bits: scaled to 0..255 by one range of the training images, or by one of the user's own."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_image_pixels import file_of, folder, told

from darts_pl.data.decode import ImageDecoder
from darts_pl.data.image_files import ImageFiles
from darts_pl.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("own_cache")

DEEP = {
    "I;16 png": ("png", lambda v: Image.fromarray(v.astype(np.uint16)), (100, 60_000)),
    "12 bits in 16": ("png", lambda v: Image.fromarray(v.astype(np.uint16)), (0, 4095)),
    "I;16 tiff": ("tiff", lambda v: Image.fromarray(v.astype(np.uint16)), (7, 900)),
    "I;16B tiff": ("tiff", lambda v: Image.fromarray(v.astype(">u2")), (1, 40_000)),
    "I tiff": ("tiff", lambda v: Image.fromarray(v.astype(np.int32)), (-1000, 3000)),
    "F tiff": ("tiff", lambda v: Image.fromarray(v.astype(np.float32)), (-1.5, 2.0)),
    "F of thousands": ("tiff", lambda v: Image.fromarray(v.astype(np.float32)), (20_000, 30_000)),
    "pgm": ("ppm", lambda v: Image.fromarray(v.astype(np.uint16)), (0, 65_535)),
}


@pytest.mark.parametrize("mode", [None, "L", "RGB"])
@pytest.mark.parametrize("name", DEEP)
def test_deep_images_are_scaled_by_one_range_of_the_training_images(name: str, mode: str | None, tmp_path) -> None:
    kind, image_of, (low, high) = DEEP[name]
    stored = np.linspace(low, high, 20 * 24).reshape(20, 4, 6)
    if name[0] != "F":
        stored = np.rint(stored)
    root = tmp_path / "deep"
    for part, numbers in (("train", range(16)), ("test", range(16, 20))):
        for number in numbers:
            path = root / part / "ab"[number % 2] / f"{number}.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            image_of(stored[number]).save(path)
    arrays = ImageFiles(root, mode=mode).load()
    first, last = stored[:16].min(), stored[:16].max()  # values of the test images do not count
    expected = np.rint(255 * (np.clip(stored, first, last) - first) / (last - first))
    order = [*range(0, 16, 2), *range(1, 16, 2)]
    assert arrays.train_x.shape == (16, 4, 6, 3 if mode == "RGB" else 1)
    np.testing.assert_allclose(arrays.train_x[..., 0], expected[order], atol=1)
    np.testing.assert_allclose(arrays.test_x[..., 0], expected[[16, 18, 17, 19]], atol=1)
    assert told(arrays, f"{first:g} to {last:g} become 0 to 255 (20)") and told(arrays, "which are cut off (")
    assert arrays.preparation["range"] == pytest.approx([first, last])


def grey16(label: int, number: int) -> bytes:
    return file_of(Image.fromarray(np.full((4, 4), (12_000, 50_000)[label] + number, np.uint16)))


def test_a_range_of_ones_own_is_kept(tmp_path: Path) -> None:
    arrays = ImageFiles(folder(tmp_path / "grey", grey16), range=[0, 65_535]).load()
    expected = [round((12_000, 50_000)[label] / 257) for label in arrays.train_y]
    np.testing.assert_array_equal(arrays.train_x[:, 0, 0, 0], expected)


def test_the_cache_tells_ranges_and_backgrounds_apart(tmp_path: Path, own_cache: Path) -> None:
    root = folder(tmp_path / "grey", grey16)
    for options in ({}, {"range": [0, 65_535]}, {"range": [0, 50_000]}, {"background": "white"}, {}):
        ImageFiles(root, **options).load()
    assert len(list(own_cache.rglob("*.npz"))) == 4


def test_what_is_told_is_told_again_from_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = folder(tmp_path / "grey", grey16)
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            arrays = ImageFiles(root).load()
        assert "images of 16 bits" in caplog.text and arrays.preparation["depths"] == ["16 bits"]


def test_a_value_that_marks_what_is_missing_is_refused_with_a_range_that_works(tmp_path: Path) -> None:
    values = np.random.default_rng(0).uniform(0, 1, (2, 10, 8, 8)).astype(np.float32)
    values[:, :, :3] = -3.4e38
    root = folder(tmp_path / "gaps", lambda label, n: file_of(Image.fromarray(values[label, n] + label), "tiff"), "tif")
    with pytest.raises(DataError, match=r"from -3.4e\+38 to .*nearly all.*data\.range=\[") as refused:
        ImageFiles(root).load()
    low, high = map(float, str(refused.value).split("data.range=[")[1].split("]")[0].split(","))
    assert 0 <= low < 0.2 and 1.8 < high <= 2
    arrays = ImageFiles(root, range=[low, high]).load()
    assert len(np.unique(arrays.train_x)) > 200


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_named(tmp_path: Path, value: float) -> None:
    values = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    hole = values.copy()
    hole[1, 2] = value

    def image(label: int, number: int) -> bytes:
        return file_of(Image.fromarray(hole if (label, number) == (1, 7) else values), "tiff")

    with pytest.raises(DataError, match=r"b/7\.tif has 1 values that are not finite"):
        ImageFiles(folder(tmp_path / "holes", image, "tif")).load()


def test_one_value_everywhere_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "flat", lambda label, n: file_of(Image.fromarray(np.full((4, 4), 9, np.uint16))))
    with pytest.raises(DataError, match="every pixel of the training images is 9"):
        ImageFiles(root).load()


def _mixed(depth: str) -> Callable[[int, int], bytes]:
    def image(label: int, number: int) -> bytes:
        if (label, number) != (0, 3):
            return grey16(label, number)
        if depth == "8 bits":
            return file_of(Image.fromarray(np.full((4, 4), 255, np.uint8)))
        return file_of(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "tiff")

    return image


def test_depths_are_mixed_only_by_a_named_range(tmp_path: Path) -> None:
    root = folder(tmp_path / "mixed", _mixed("8 bits"))
    with pytest.raises(DataError, match=r"a/3\.png has pixels of 8 bits, expected 16 bits .*data\.range=\[0,65535\]"):
        ImageFiles(root).load()
    arrays = ImageFiles(root, range=[0, 65_535]).load()
    assert {255, 47} <= set(np.concatenate([arrays.train_x, arrays.test_x]).ravel().tolist())
    with pytest.raises(DataError, match=r"floating point, expected 16 bits .*Bring all images to one depth"):
        ImageFiles(folder(tmp_path / "both", _mixed("float")), range=[0, 1]).load()


@pytest.mark.parametrize("given", [[1, 0], [0], [0, np.nan], [0, np.inf], [3, 3]])
def test_an_impossible_range_is_named(given: list[float]) -> None:
    with pytest.raises(ConfigError, match=r"data\.range=.*two rising numbers"):
        ImageDecoder(value_range=given)


def test_a_range_without_deep_images_is_refused(image_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.range.*deeper than 8 bits.*has none"):
        ImageFiles(image_folder, range=[0, 1]).load()


def test_deep_images_are_resized_after_scaling(tmp_path: Path) -> None:
    def image(label: int, number: int) -> bytes:
        return file_of(Image.fromarray(np.full((4 + number, 6), (200, 60_200)[label], np.uint16)))

    arrays = ImageFiles(folder(tmp_path / "sizes", image), resize=[3, 3]).load()
    np.testing.assert_array_equal(arrays.train_x[:, 1, 1, 0], 255 * arrays.train_y)
