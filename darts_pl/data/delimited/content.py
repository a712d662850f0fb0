"""The bytes of a text file, checked and in UTF-8."""

import codecs
import difflib
import mmap
from collections.abc import Iterator
from pathlib import Path

from darts_pl.errors import DataError

BLOCK = 1 << 24  # bytes at a time
NEIGHBOURS = 5  # files that a message about a missing one names
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
Content = memoryview


def content_of(path: Path, encoding: str, neighbours: tuple[str, ...] = ()) -> Content:
    """The text of a file in UTF-8, without a byte order mark; one that is in UTF-8 is mapped, not copied.

    Args:
        encoding: of the file. neighbours: suffixes of the files that a message offers where there is none of the name.

    Raises:
        DataError: no such file, an empty one, one in another encoding (with line and byte), or a NUL byte.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file. {_neighbours(path, neighbours)}")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; expected a line of column names and rows below it")
    with path.open("rb") as stream:
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    name = codecs.lookup(encoding).name
    mark = next((mark for mark in BYTE_ORDER_MARKS if bytes(data[:4]).startswith(mark)), b"")
    if mark and codecs.lookup(BYTE_ORDER_MARKS[mark]).name != name and not name.startswith(BYTE_ORDER_MARKS[mark]):
        raise DataError(
            f"{path} begins with the byte order mark of {BYTE_ORDER_MARKS[mark]}, which data.encoding={encoding} is "
            f"not. Give data.encoding={BYTE_ORDER_MARKS[mark]}"
        )
    if name in ("utf-8", "utf-8-sig"):
        data = data[len(mark) :]
        _check_utf8(data, path)
    else:
        data = memoryview(_decoded(data, path, encoding).encode())
    if not any(bytes(block).strip() for block in blocks(data)):
        raise DataError(f"{path} is empty; expected a line of column names and rows below it")
    for start, block in numbered_blocks(data):
        if (at := block.find(b"\0")) >= 0:
            line, column = line_and_column(data, start + at)
            raise DataError(
                f"{path}, line {line}: byte {column} of it is 0 (NUL), which no text holds. The file is damaged, or in "
                "another encoding, such as data.encoding=utf-16-le"
            )
    return data


def blocks(data: Content) -> Iterator[bytes]:
    """`data` in parts of at most `BLOCK` bytes."""
    return (block for _, block in numbered_blocks(data))


def numbered_blocks(data: Content) -> Iterator[tuple[int, bytes]]:
    """(where it begins, block) in turn."""
    for start in range(0, len(data), BLOCK):
        yield start, bytes(data[start : start + BLOCK])
        release(data)


def release(data: Content) -> None:
    """Let a mapped file leave the process's memory: what is read of it again comes from the system's."""
    if isinstance(data.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        data.obj.madvise(mmap.MADV_DONTNEED)


def line_and_column(data: Content, position: int) -> tuple[int, int]:
    """The line of a byte, from 1, and its number within this line, from 1."""
    before = bytes(data[:position])
    lines = before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")
    return lines + 1, position - max(before.rfind(b"\n"), before.rfind(b"\r"))


def _check_utf8(data: Content, path: Path) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start, block in numbered_blocks(data):
        held = len(decoder.getstate()[0])  # bytes of the block before
        try:
            decoder.decode(block, final=start + BLOCK >= len(data))
        except UnicodeDecodeError as error:
            _refuse_byte(data, start - held + error.start, path, "utf-8", "cp1252 or latin-1", error)


def _decoded(data: Content, path: Path, encoding: str) -> str:
    try:
        return bytes(data).decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        _refuse_byte(data, error.start, path, encoding, "utf-8", error)
        raise


def _refuse_byte(data: Content, at: int, path: Path, encoding: str, other: str, error: UnicodeDecodeError) -> None:
    line, column = line_and_column(data, at)
    raise DataError(
        f"{path}, line {line}: byte {column} of it is 0x{data[at]:02x}, no {encoding}. Another encoding may be right, "
        f"such as data.encoding={other}"
    ) from error


def _neighbours(path: Path, suffixes: tuple[str, ...]) -> str:
    folder = path.parent.absolute()
    if path.is_dir():
        return "It is a folder; give the file in it"
    if not folder.is_dir():
        return f"The folder {path.parent} does not exist"
    names = sorted(other.name for other in folder.iterdir() if not suffixes or other.suffix.lower() in suffixes)
    if close := difflib.get_close_matches(path.name, names, n=1):
        return f"Did you mean {close[0]!r}?"
    what = "table" if suffixes else "file"
    names = [name for name in names if not (suffixes and name.lower().endswith(".txt"))]  # few of these are tables
    shown = ", ".join(names[:NEIGHBOURS]) + (", ..." if len(names) > NEIGHBOURS else "")
    return f"In {folder} there {f'are the {what}s {shown}' if names else f'is no {what}'}"
