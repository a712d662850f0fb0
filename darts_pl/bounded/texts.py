"""Files of bounded size, whole, as bytes or as text in UTF-8; digests of files of any size."""

import hashlib
import os
import stat
from pathlib import Path

from darts_pl.errors import DartsError, RunError

LARGEST_TEXT = 16 << 20  # bytes: a thousand times what a run writes
SHOWN = 60  # characters of what was found that a message repeats


def read_text(path: Path | str, *, error: type[DartsError] = RunError, largest: int = LARGEST_TEXT) -> str:
    """The text of a file in UTF-8; a byte order mark is left out.

    Args:
        error: the class to raise. largest: bytes.

    Raises:
        DartsError: `error`; see `read_bytes`; or bytes that are no UTF-8, with the line.
    """
    data = read_bytes(path, error=error, largest=largest)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise error(f"{path}, line {line}: found the byte 0x{data[problem.start]:02x}, not text in UTF-8") from problem


def read_bytes(path: Path | str, *, error: type[DartsError] = RunError, largest: int = LARGEST_TEXT) -> bytes:
    """The bytes of a plain file.

    Raises:
        DartsError: `error`; no such file, one that cannot be read, no plain file, or more than `largest` bytes.
    """
    check_size(path, error=error, largest=largest)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(largest + 1)
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from problem
    if len(data) > largest:
        raise error(f"{path}: grew while it was read, expected at most {largest:,} bytes")
    return data


def check_size(path: Path | str, *, error: type[DartsError] = RunError, largest: int) -> int:
    """The size of a plain file in bytes. Nothing is opened: a pipe would wait for somebody to write to it.

    Raises:
        DartsError: `error`; no such file, no plain file, or more than `largest` bytes.
    """
    try:
        facts = os.stat(path)  # noqa: PTH116, follows links as opening does
    except (OSError, ValueError) as problem:  # a name with a zero byte is a ValueError
        raise error(f"{path}: cannot be read: {getattr(problem, 'strerror', None) or problem}") from problem
    if not stat.S_ISREG(facts.st_mode):
        raise error(f"{path}: cannot be read: expected a plain file")
    if facts.st_size > largest:
        raise error(f"{path}: larger than {largest:,} bytes: found {facts.st_size:,}")
    return facts.st_size


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file's bytes in hexadecimal, however large it is."""
    digest = hashlib.new(algorithm)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def shown(value: object) -> str:
    """What was found, short enough for a message; a whole number of any length."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
