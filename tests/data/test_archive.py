"""Archives are read whole or refused, and never reach outside themselves."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from darts_pl.data import archive as archives
from darts_pl.data.archive import open_members
from darts_pl.data.reading_notes import Notes
from darts_pl.errors import DataError

CONTENT = {"a/one.bin": b"1" * 3000, "a/two.bin": bytes(range(256)) * 300, "b/three.bin": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "folder"
    for name, content in CONTENT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def _read(source: Path) -> dict[str, bytes]:
    with open_members(source) as members:
        return {str(m.path): m.read() for m in members if not m.is_folder}


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_every_kind_reads_like_the_folder(folder: Path, tmp_path: Path, pack: Callable, suffix: str) -> None:
    assert _read(folder) == CONTENT
    assert _read(pack(folder, tmp_path / f"packed.{suffix}")) == CONTENT


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.75])
def test_an_archive_cut_short_is_named(folder: Path, tmp_path: Path, pack: Callable, suffix: str, share: float) -> None:
    archive = pack(folder, tmp_path / f"packed.{suffix}")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=rf"packed\.{suffix} cannot be read: it is cut short"):
        _read(archive)


def _blocks(tar: bytes) -> list[int]:
    """Where each member begins, and where the blocks of zeros at the end do."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as stream:
        return [*(info.offset for info in stream.getmembers()), stream.offset]


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("further", [0, 1, 100, 511])
@pytest.mark.parametrize("number", [1, 2, -1])
def test_a_tar_that_ends_between_members_or_in_a_header_is_named(
    folder: Path, tmp_path: Path, pack: Callable, suffix: str, further: int, number: int
) -> None:
    """Whole as a file of its compression, as a copy of a cut tar is."""
    whole = pack(folder, tmp_path / "whole.tar").read_bytes()
    cut = whole[: _blocks(whole)[number] + further]
    compress = {"tar": bytes, "tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}[suffix]
    archive = tmp_path / f"packed.{suffix}"
    archive.write_bytes(compress(cut))
    with pytest.raises(DataError, match=rf"packed\.{suffix} cannot be read: it is cut short.*blocks of zeros"):
        _read(archive)


def test_a_damaged_header_within_a_tar_is_named(folder: Path, tmp_path: Path, pack: Callable) -> None:
    archive = pack(folder, tmp_path / "packed.tar")
    content = bytearray(archive.read_bytes())
    start = _blocks(bytes(content))[2]
    content[start + 100 : start + 108] = b"damaged!"
    archive.write_bytes(content)
    with pytest.raises(DataError, match=rf"the header at byte {start}, after '.*', member 2, is damaged"):
        _read(archive)


@pytest.mark.parametrize("zeros", [1, 2, 20])
def test_a_tar_may_end_in_any_number_of_blocks(folder: Path, tmp_path: Path, pack: Callable, zeros: int) -> None:
    archive = pack(folder, tmp_path / "packed.tar")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: _blocks(whole)[-1]] + bytes(512 * zeros))
    assert _read(archive) == CONTENT


def _notes(archive: Path) -> str:
    notes = Notes()
    with open_members(archive, notes):
        return " ".join(note.text for note in notes.found("here") if note.warning)


def test_a_second_tar_behind_the_first_is_told(folder: Path, tmp_path: Path, pack: Callable) -> None:
    archive = pack(folder, tmp_path / "packed.tar")
    assert _notes(archive) == ""
    archive.write_bytes(2 * archive.read_bytes())
    assert "bytes behind the end of the tar, not read" in _notes(archive) and _read(archive) == CONTENT


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_of_names_that_occur_twice_the_last_is_read_and_told(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / f"twice.{kind}"
    contents = [("a/one.bin", b"old"), ("a/two.bin", b"2"), ("./a/one.bin", b"new")]
    if kind == "tar":
        with tarfile.open(archive, "w") as stream:
            for name, content in contents:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                stream.addfile(info, io.BytesIO(content))
    else:
        with zipfile.ZipFile(archive, "w") as stream:
            for name, content in contents:
                stream.writestr(name, content)
    assert _read(archive) == {"a/two.bin": b"2", "a/one.bin": b"new"}
    assert "names that occur again, of which the last is read (1), such as a/one.bin" in _notes(archive)


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.xz", "zip"])
def test_changed_bytes_are_noticed(folder: Path, tmp_path: Path, pack: Callable, suffix: str) -> None:
    archive = pack(folder, tmp_path / f"packed.{suffix}")
    content = bytearray(archive.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 20] = bytes(byte ^ 0xFF for byte in content[middle : middle + 20])
    archive.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        _read(archive)


@pytest.mark.parametrize("name", ["../out.bin", "a/../../out.bin", "/tmp/out.bin", "a\\..\\..\\out.bin", "C:/out"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_member_outside_the_folder_is_refused(tmp_path: Path, tar_of: Callable, name: str, kind: str) -> None:
    archive = tmp_path / f"evil.{kind}"
    if kind == "tar":
        tar_of(archive, {"a/good.bin": b"1", name: b"2"})
    else:
        with zipfile.ZipFile(archive, "w") as stream:
            stream.writestr("a/good.bin", b"1")
            stream.writestr(name, b"2")
    with pytest.raises(DataError, match="outside the archive's own folder") as refused, open_members(archive):
        raise AssertionError("opened")
    assert repr(name) in str(refused.value) and archive.name in str(refused.value)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "linked.tar"
    with tarfile.open(archive, "w") as stream:
        info = tarfile.TarInfo("a/link.png")
        info.type, info.linkname = kind, "/etc/hostname"
        stream.addfile(info, io.BytesIO())
    with pytest.raises(DataError, match=r"'a/link\.png' is (a link|no plain file)"):
        _read(archive)


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "linked.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        info = zipfile.ZipInfo("a/link.png")
        info.external_attr = 0o120777 << 16
        stream.writestr(info, "/etc/hostname")
    with pytest.raises(DataError, match=r"'a/link\.png' is a link"):
        _read(archive)


def test_nothing_is_written_beside_the_archive(folder: Path, tmp_path: Path, pack: Callable) -> None:
    archive = pack(folder, tmp_path / "packed.tar.gz")
    before = sorted(tmp_path.rglob("*"))
    _read(archive)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.tar.gz").write_text("no archive")
    with pytest.raises(DataError, match=r"notes\.tar\.gz cannot be read"):
        _read(tmp_path / "notes.tar.gz")


def _declared(archive: Path, sizes: dict[str, int]) -> Path:
    """An archive whose headers declare `sizes`; of the content nothing is there."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as stream:
            for name, size in sizes.items():
                stream.writestr(name, b"x")
                stream.getinfo(name).file_size = size
        return archive
    headers = b""
    for name, size in sizes.items():
        info = tarfile.TarInfo(name)
        info.size = size
        headers += info.tobuf(tarfile.GNU_FORMAT)
    archive.write_bytes(headers)
    return archive


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_a_member_too_large_for_the_memory_is_refused(tmp_path: Path, suffix: str) -> None:
    archive = _declared(tmp_path / f"bomb.{suffix}", {"a/bomb.png": 2**30 + 1})
    with pytest.raises(DataError, match=rf"bomb\.{suffix}: member 'a/bomb\.png' is 1073741825 bytes unpacked"):
        _read(archive)


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_members_too_large_together_are_refused(
    folder: Path, tmp_path: Path, pack: Callable, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack(folder, tmp_path / f"packed.{suffix}")
    total = sum(map(len, CONTENT.values()))
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", total)
    assert _read(archive) == CONTENT
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", total - 1)
    with pytest.raises(DataError, match=rf"packed\.{suffix}: member .* brings the total to {total} bytes"):
        _read(archive)


def test_a_zip_that_declares_less_than_it_unpacks_to_stays_small(tmp_path: Path) -> None:
    """64 MiB of zeros behind a header that says 10 bytes, in the member and in the listing."""
    archive, true_size = tmp_path / "liar.zip", 64 << 20
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("a.png", bytes(true_size))
    lied = archive.read_bytes().replace(true_size.to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(lied)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"liar\.zip cannot be read"):
            _read(archive)
        assert tracemalloc.get_traced_memory()[1] < true_size / 8
    finally:
        tracemalloc.stop()


def test_a_tar_with_an_endless_name_stays_small(tmp_path: Path) -> None:
    """A GNU long name of 64 MiB, which compresses to almost nothing."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 64 << 20
    archive = tmp_path / "name.tar.gz"
    with gzip.open(archive, "wb") as stream:
        stream.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"(?s)name\.tar\.gz cannot be read.*header of 67108864 bytes"):
            _read(archive)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
