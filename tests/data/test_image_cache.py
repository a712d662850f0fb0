"""Decoded images are kept, found again, decoded anew when anything changed, and never a reason to stop."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.cache import cached, fingerprint
from darts_pl.data.image_files import ImageFiles
from darts_pl.errors import DataError

EQUAL = ("train_x", "train_y", "test_x", "test_y", "classes", "class_sorted", "name")


def _arrays() -> ImageArrays:
    x = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 1), dtype=np.uint8)
    y = np.array([0, 1, 2, 0, 1, 2])
    return ImageArrays(x, y, x[:3], y[:3], ("Köln", "b", "c"), True, "tiny")


class _Counted:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> ImageArrays:
        self.calls += 1
        return _arrays()


def _assert_same(found: ImageArrays) -> None:
    for part in EQUAL:
        np.testing.assert_array_equal(getattr(found, part), getattr(_arrays(), part))


def test_decoded_once_for_each_key(own_cache: Path) -> None:
    decode = _Counted()
    for key in ({"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}):
        _assert_same(cached("tiny", key, decode))
    assert decode.calls == 2 and len(list(own_cache.rglob("*.npz"))) == 2


@pytest.mark.parametrize("content", [b"", b"no archive", "cut", "flipped"])
def test_a_damaged_cache_file_is_decoded_anew(
    own_cache: Path, caplog: pytest.LogCaptureFixture, content: bytes | str
) -> None:
    decode = _Counted()
    cached("tiny", {}, decode)
    (path,) = own_cache.rglob("*.npz")
    whole = path.read_bytes()
    flipped = whole[:150] + bytes(byte ^ 255 for byte in whole[150:170]) + whole[170:]
    path.write_bytes({"cut": whole[:-40], "flipped": flipped}.get(content, content))
    _assert_same(cached("tiny", {}, decode))
    assert decode.calls == 2 and "damaged" in caplog.text
    _assert_same(cached("tiny", {}, decode))
    assert decode.calls == 2, "the new file is whole"


def test_a_cache_that_cannot_be_written_costs_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    monkeypatch.setenv("DARTS_PL_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        _assert_same(cached("tiny", {}, _arrays))
    assert "cannot be written" in caplog.text and "DARTS_PL_CACHE" in caplog.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_costs_a_warning(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("numpy.savez", lambda stream, **arrays: Path("/dev/full").write_bytes(b"x" * 9))
    _assert_same(cached("tiny", {}, _arrays))
    assert "No space left" in caplog.text and not list(own_cache.rglob("*.npz*"))


def test_a_failing_decoder_leaves_nothing(own_cache: Path) -> None:
    def fail() -> ImageArrays:
        raise DataError("bad image")

    with pytest.raises(DataError, match="bad image"):
        cached("tiny", {}, fail)
    assert not list(own_cache.rglob("*.npz"))


def test_the_fingerprint_follows_the_source(image_folder: Path) -> None:
    before = fingerprint(image_folder)
    assert fingerprint(image_folder) == before
    image = image_folder / "train/item2/p1.png"
    facts = image.stat()
    os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1_000_000))
    assert fingerprint(image_folder) != before
    assert fingerprint(image) == fingerprint(image)


def test_a_changed_folder_or_option_is_decoded_again(own_cache: Path, image_folder: Path, save_image) -> None:
    assert len(ImageFiles(image_folder).load().train_y) == 6
    save_image(image_folder / "train/item2/p3.png", 3)
    assert len(ImageFiles(image_folder).load().train_y) == 7
    assert ImageFiles(image_folder, mode="L").load().train_x.shape[-1] == 1
    assert len(list(own_cache.rglob("*.npz"))) == 3
