"""A cache that somebody else can write, or has written, is not taken for one's own data."""

import os
from pathlib import Path

import numpy as np
import pytest

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.cache import cached
from darts_pl.data.own_cache import make_folder
from darts_pl.errors import DataError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions of Unix")


def decoded() -> ImageArrays:
    x = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    y = np.array([0, 1])
    return ImageArrays(x, y, x, y, ("a", "b"), False, "tiny")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache within a folder of its own, under the umask 022."""
    monkeypatch.setenv("DARTS_PL_CACHE", str(tmp_path / "cache"))
    before = os.umask(0o022)
    yield tmp_path / "cache"
    os.umask(before)


def kept(cache: Path) -> Path:
    cached("tiny", {}, decoded)
    (path,) = cache.rglob("*.npz")
    return path


@pytest.mark.parametrize("which", ["the file", "its folder", "the cache"])
@pytest.mark.parametrize(("mode", "who"), [(0o002, "everybody"), (0o020, "its group")])
def test_what_others_can_write_is_refused(cache: Path, which: str, mode: int, who: str) -> None:
    place = {"the file": kept(cache), "its folder": cache / "images", "the cache": cache}[which]
    place.chmod(place.stat().st_mode | mode)
    with pytest.raises(DataError, match=rf"^{place} can be written by {who}.*DARTS_PL_CACHE.*chmod -R go-w {cache}"):
        cached("tiny", {}, decoded)
    with pytest.raises(DataError, match="can be written by"):
        make_folder(cache / "images") if which != "the file" else cached("tiny", {}, decoded)
    place.chmod(place.stat().st_mode & ~mode)
    cached("tiny", {}, decoded)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_what_belongs_to_somebody_else_is_refused(cache: Path) -> None:
    path = kept(cache)
    os.chown(path, 12345, -1)
    with pytest.raises(DataError, match=f"{path} belongs to the user of number 12345, this is 0, expected a cache"):
        cached("tiny", {}, decoded)


@pytest.mark.parametrize(("umask", "file", "folder"), [(0o022, 0o644, 0o755), (0o007, 0o660, 0o770), (0, 0o664, 0o775)])
def test_the_cache_follows_the_umask_and_is_taken_again(cache: Path, umask: int, file: int, folder: int) -> None:
    os.umask(umask)
    path = kept(cache)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (file, folder)
    cached("tiny", {}, lambda: pytest.fail("decoded again"))


def test_a_cache_that_was_rewritten_is_decoded_anew(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = kept(cache)
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, "train_y": arrays["train_y"][::-1]})  # whole by its own checksums
    again = cached("tiny", {}, decoded)
    np.testing.assert_array_equal(again.train_y, decoded().train_y)
    assert "damaged (found the sha256" in caplog.text and "decoded anew" in caplog.text
    np.savez(path, **{name: array for name, array in arrays.items() if name != "sha256"})
    caplog.clear()
    cached("tiny", {}, decoded)
    assert "no array 'sha256'" in caplog.text
    cached("tiny", {}, lambda: pytest.fail("decoded again"))
