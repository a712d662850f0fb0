"""Zip archives and numpy's npz: what they declare is compared with what they bring before any of it is unpacked."""

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from darts_pl.bounded.texts import check_size, shown
from darts_pl.errors import DartsError, RunError

MORE_UNPACKED = 64 << 20  # bytes that a file may unpack to beyond its own size; what runs write is not compressed
LARGEST_ARRAYS = 4 << 30  # bytes
MOST_MEMBERS = 100_000
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    RuntimeError,  # a password or an unknown compression
    ValueError,
    tokenize.TokenError,  # the header of an array is Python's text of a dictionary
)


def read_arrays(
    path: Path | str,
    names: Iterable[str] | None = None,
    *,
    error: type[DartsError] = RunError,
    largest: int = LARGEST_ARRAYS,
) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name, those called `names` or all.

    Raises:
        DartsError: `error`; no such file, damaged, an array that is missing, of Python objects or not of the size that
            it declares, or more than the file's own size can justify.
    """
    size = check_size(path, error=error, largest=largest)
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked(archive, size, str(path), error=error)
            found = [member.removesuffix(".npy") for member in archive.namelist()]
            wanted = found if names is None else list(names)
            if missing := [name for name in wanted if name not in found]:
                raise error(f"{path}: found no array {missing[0]!r}, expected it beside {shown(', '.join(found))}")
            return {name: _array(archive, f"{name}.npy", str(path), error) for name in wanted}
    except UNREADABLE as problem:
        raise error(f"{path}: cannot be read as arrays: {problem}") from problem


def check_unpacked(archive: zipfile.ZipFile, size: int, where: str, *, error: type[DartsError] = RunError) -> None:
    """Compare what the members of an archive of `size` bytes declare with these bytes.

    Raises:
        DartsError: `error`; too many members, one that is there twice, or more bytes than the file can justify.
    """
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise error(f"{where}: found {len(members):,} members, expected at most {MOST_MEMBERS:,}")
    if len({member.filename for member in members}) < len(members):
        raise error(f"{where}: found two members of one name, expected each once")
    if (total := sum(member.file_size for member in members)) > size + MORE_UNPACKED:
        raise error(
            f"{where}: found {size:,} bytes that unpack to {total:,}, expected at most {MORE_UNPACKED:,} more than "
            "the file has"
        )


def _array(archive: zipfile.ZipFile, member: str, where: str, error: type[DartsError]) -> np.ndarray:
    """One array, once its header is known to ask for the bytes that follow it."""
    declared = archive.getinfo(member).file_size
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read_header:
            raise error(f"{where}: {member} is of npy version {version}, expected 1.0 or 2.0")
        shape, _, dtype = read_header[version](stream)
        if dtype.hasobject or not dtype.itemsize or min(shape, default=0) < 0:
            raise error(f"{where}: {member} declares {dtype} {shown(shape)}, expected numbers or text")
        if (asked := math.prod(shape) * dtype.itemsize) != declared - stream.tell():
            raise error(
                f"{where}: {member} declares {dtype} {shown(shape)}, {asked:,} bytes, and brings "
                f"{declared - stream.tell():,}"
            )
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
