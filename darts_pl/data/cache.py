"""Decoded images kept as one uint8 file, so that decoding is paid once."""

import hashlib
import json
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from darts_pl.data.arrays import ImageArrays
from darts_pl.data.folder import check_source, walk
from darts_pl.data.notes import Note, Notes
from darts_pl.errors import DataError
from darts_pl.paths import cache_dir, write_atomically

FORMAT_VERSION = 2
UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, DataError)
log = logging.getLogger(__name__)


def fingerprint(source: Path) -> str:
    """A digest that changes with the source: of an archive's bytes, of a folder's names, sizes and times, those
    behind links included.

    Raises:
        DataError: see `check_source` and `walk`.
    """
    check_source(source)
    if source.is_file():
        return file_digest(source)
    listing = hashlib.sha256()
    for found in walk(source, Notes()):
        facts = found.entry.stat()
        listing.update(os.fsencode(f"{found.path}\0{facts.st_size}\0{facts.st_mtime_ns}\n"))
    return listing.hexdigest()


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file's bytes in hexadecimal."""
    digest = hashlib.new(algorithm)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def cached(name: str, key: Mapping[str, object], decode: Callable[[], ImageArrays]) -> ImageArrays:
    """What `decode` returns, from the cache where it lies there.

    Args:
        name: the start of the cache file's name.
        key: whatever the result depends on: the source's fingerprint and the options, as JSON can write them.
        decode: makes the arrays; called when the cache has none, or a damaged file.

    A cache folder that cannot be written to, or is full, costs a warning and nothing else.
    """
    text = json.dumps({**key, "format": FORMAT_VERSION}, sort_keys=True)
    path = cache_dir() / "images" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.npz"
    if (found := _read(path)) is not None:
        return found
    arrays = decode()
    try:
        write_atomically(path, lambda temporary: _write(temporary, arrays))
    except OSError as error:
        log.warning(
            "The decoded images are not kept: %s cannot be written (%s). They are decoded again next time; "
            "$DARTS_PL_CACHE chooses another folder.",
            path,
            error,
        )
    return arrays


def _read(path: Path) -> ImageArrays | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            return ImageArrays(
                *(stored[part] for part in ("train_x", "train_y", "test_x", "test_y")),
                classes=tuple(map(str, stored["classes"])),
                class_sorted=bool(stored["class_sorted"]),
                name=str(stored["name"]),
                preparation=json.loads(str(stored["preparation"])),
                notes=tuple(Note(str(text), bool(warning)) for text, warning in json.loads(str(stored["notes"]))),
            )
    except UNREADABLE as error:
        log.warning("The cached images in %s are damaged (%s) and are decoded anew.", path, error)
        return None


def _write(path: Path, arrays: ImageArrays) -> None:
    with path.open("wb") as stream:
        np.savez(
            stream,
            train_x=arrays.train_x,
            train_y=arrays.train_y,
            test_x=arrays.test_x,
            test_y=arrays.test_y,
            classes=np.array(arrays.classes),
            class_sorted=np.array(arrays.class_sorted),
            name=np.array(arrays.name),
            preparation=np.array(json.dumps(arrays.preparation)),
            notes=np.array(json.dumps(arrays.notes)),
        )
