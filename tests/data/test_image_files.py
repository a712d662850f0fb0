"""Folders and archives of one's own images: read the same in every form, and every bad input named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darts_pl.data.image_files import ImageFiles
from darts_pl.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("own_cache")


def _values(x: np.ndarray) -> list[int]:
    return x[:, 0, 0, 0].tolist()


def test_train_and_test_folders_in_natural_order(image_folder: Path) -> None:
    arrays = ImageFiles(image_folder).load()
    assert arrays.classes == ("item2", "item10") and arrays.class_sorted and arrays.name == "pictures"
    assert arrays.train_x.shape == (6, 4, 6, 3) and arrays.train_x.dtype == np.uint8
    assert _values(arrays.train_x) == [1, 2, 10, 101, 102, 110]
    assert arrays.train_y.tolist() == [0, 0, 0, 1, 1, 1]
    assert _values(arrays.test_x) == [200, 201] and arrays.test_y.tolist() == [0, 1]


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz", "zip"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_archives_read_like_the_folder(
    image_folder: Path, tmp_path: Path, pack: Callable, suffix: str, wrapped: bool
) -> None:
    base = image_folder
    if wrapped:
        base = tmp_path / "outer"
        base.mkdir()
        image_folder.rename(base / "inner")
        (base / "README.txt").write_text("not an image")
    arrays, expected = (ImageFiles(p).load() for p in (pack(base, tmp_path / f"packed.{suffix}"), base))
    np.testing.assert_array_equal(arrays.train_x, expected.train_x)
    np.testing.assert_array_equal(arrays.test_y, expected.test_y)
    assert _values(arrays.train_x) == [1, 2, 10, 101, 102, 110]


@pytest.mark.parametrize("name", ["val", "valid"])
def test_other_names_of_the_test_part(image_folder: Path, name: str) -> None:
    (image_folder / "test").rename(image_folder / name)
    assert _values(ImageFiles(image_folder).load().test_x) == [200, 201]


@pytest.mark.parametrize("below_train", [False, True])
def test_without_a_test_part_one_is_held_out(tmp_path: Path, save_image: Callable, below_train: bool) -> None:
    root = tmp_path / "plain"
    for label, name in enumerate(("ant", "bee")):
        for number in range(10):
            save_image(root / ("train" if below_train else "") / name / f"{number}.png", 100 * label + number)
    first, second = ImageFiles(root, test_fraction=0.3).load(), ImageFiles(root, 0.3, seed=1).load()
    assert np.bincount(first.test_y).tolist() == [3, 3] and np.bincount(first.train_y).tolist() == [7, 7]
    assert sorted(_values(first.train_x) + _values(first.test_x)) == [*range(10), *range(100, 110)]
    assert _values(first.test_x) != _values(second.test_x)


def test_grey_images_have_one_channel_and_mode_converts(tmp_path: Path, save_image: Callable) -> None:
    for name in ("ant", "bee"):
        for number in range(3):
            save_image(tmp_path / "grey" / name / f"{number}.png", 7, mode="L")
    assert ImageFiles(tmp_path / "grey", 0.4).load().train_x.shape[1:] == (4, 6, 1)
    assert ImageFiles(tmp_path / "grey", 0.4, mode="RGB").load().train_x.shape[1:] == (4, 6, 3)


def test_system_files_are_no_data(image_folder: Path) -> None:
    for name in (".DS_Store", "train/item2/.DS_Store", "train/item2/Thumbs.db", "train/.hidden/x.png"):
        (image_folder / name).parent.mkdir(exist_ok=True)
        (image_folder / name).write_bytes(b"?")
    assert ImageFiles(image_folder).load().classes == ("item2", "item10")


def test_an_image_of_another_size_is_named_and_resize_takes_it(image_folder: Path, save_image: Callable) -> None:
    save_image(image_folder / "train/item2/zz.png", 3, size=(5, 6))
    with pytest.raises(DataError, match=r"zz\.png is 5x6 .*expected 4x6.*resize=\[4,6\]"):
        ImageFiles(image_folder).load()
    arrays = ImageFiles(image_folder, resize=[8, 3]).load()
    assert arrays.train_x.shape == (7, 8, 3, 3) and _values(arrays.train_x)[-1] == 110


def test_an_image_of_another_mode_is_named_and_mode_takes_it(image_folder: Path, save_image: Callable) -> None:
    save_image(image_folder / "train/item2/zz.png", 3, mode="L")
    with pytest.raises(DataError, match=r"zz\.png has mode 'L', expected RGB like .*before it\. data\.mode=RGB"):
        ImageFiles(image_folder).load()
    assert ImageFiles(image_folder, mode="RGB").load().train_x.shape == (7, 4, 6, 3)


def test_a_mode_without_plain_pixels_names_the_option(tmp_path: Path, save_image: Callable) -> None:
    for name in ("ant", "bee"):
        save_image(tmp_path / "palette" / name / "1.png", 3, mode="P")
    with pytest.raises(DataError, match=r"mode 'P', expected one of L, RGB, RGBA\. data\.mode=RGB"):
        ImageFiles(tmp_path / "palette").load()


def _add_empty_class(root: Path) -> None:
    (root / "train/item3").mkdir()


def _keep_one_class(root: Path) -> None:
    for path in sorted(root.rglob("*item10*/*"), reverse=True):
        path.unlink()
    for part in ("train", "test"):
        (root / part / "item10").rmdir()


def _rename_test_class(root: Path) -> None:
    (root / "test/item10").rename(root / "test/other")


def _add_text(root: Path) -> None:
    (root / "train/item2/notes.txt").write_text("hello")


def _cut_image_short(root: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    path = root / "train/item2/p1.png"
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:-60])


def _add_stray_image(root: Path) -> None:
    (root / "train/stray.png").write_bytes((root / "train/item2/p1.png").read_bytes())


def _add_deep_image(root: Path) -> None:
    (root / "train/item2/deeper").mkdir()
    (root / "train/item2/p1.png").rename(root / "train/item2/deeper/p1.png")


def _empty(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_add_empty_class, "train: class folder 'item3' is empty"),
        (_keep_one_class, r"one class only, \['item2'\]"),
        (_rename_test_class, r"train and test differ.*'item10'.*'other'"),
        (_add_text, r"notes\.txt is not an image"),
        (_cut_image_short, r"p1\.png is not an image or is damaged"),
        (_add_stray_image, r"'train/stray\.png' lies in no class folder"),
        (_add_deep_image, r"'train/item2/deeper/p1\.png' lies in no class folder"),
        (_empty, "holds no images"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_bad_folders_are_named(
    image_folder: Path, tmp_path: Path, pack: Callable, spoil: Callable, message: str, packed: bool
) -> None:
    spoil(image_folder)
    root = pack(image_folder, tmp_path / "packed.zip") if packed else image_folder
    with pytest.raises(DataError, match=message):
        ImageFiles(root).load()


def test_one_image_of_a_class_cannot_be_held_out(tmp_path: Path, save_image: Callable) -> None:
    for name in ("ant/1", "ant/2", "bee/1"):
        save_image(tmp_path / "few" / f"{name}.png")
    with pytest.raises(DataError, match="class 'bee' has only 1 image"):
        ImageFiles(tmp_path / "few").load()


def test_a_missing_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*nowhere\. Expected .*train/<class>"):
        ImageFiles(tmp_path / "nowhere").load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "rgb"}, "mode='rgb'"),
        ({"mode": "RBG"}, "Did you mean 'RGB'"),
        ({"resize": [0, 4]}, "resize"),
        ({"resize": [4]}, r"\[H, W\]"),
    ],
)
def test_impossible_options_are_named(image_folder: Path, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImageFiles(image_folder, **options).load()


def test_what_no_memory_could_hold_is_refused_at_the_first_image(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darts_pl.data.image_files.os.sysconf", lambda name: 20)  # a machine of 400 bytes
    with pytest.raises(DataError, match=r"8 images of 4x6 pixels take .* GiB.*data\.resize=\[1,1\]"):
        ImageFiles(image_folder).load()
