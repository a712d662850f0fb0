"""Decoded images kept as one uint8 file, so that decoding is paid once."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from darts_pl.bounded.arrays import read_arrays
from darts_pl.bounded.texts import file_digest
from darts_pl.data.arrays import ImageArrays
from darts_pl.data.folder import check_source, walk
from darts_pl.data.own_cache import FILE_MODE, check_own, make_folder
from darts_pl.data.reading_notes import Note, Notes
from darts_pl.errors import DataError
from darts_pl.paths import cache_dir, write_arrays_atomically

FORMAT_VERSION = 3
LARGEST = 1 << 40  # bytes: decoded data are as large as they are
PARTS = ("train_x", "train_y", "test_x", "test_y", "classes", "class_sorted", "name", "preparation", "notes")
DIGEST = "sha256"
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


def cached(name: str, key: Mapping[str, object], decode: Callable[[], ImageArrays]) -> ImageArrays:
    """What `decode` returns, from the cache where it lies there.

    Args:
        name: the start of the cache file's name.
        key: whatever the result depends on: the source's fingerprint and the options, as JSON can write them.
        decode: makes the arrays; called when the cache has none, or a damaged file.

    A cache folder that cannot be written to, or is full, costs a warning and nothing else.

    Raises:
        DataError: others can write to the cache, see `check_own`.
    """
    text = json.dumps({**key, "format": FORMAT_VERSION}, sort_keys=True)
    path = cache_dir() / "images" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.npz"
    check_own(path)
    if (found := _read(path)) is not None:
        return found
    arrays = decode()
    try:
        make_folder(path.parent)
        write_arrays_atomically(path, _parts(arrays), FILE_MODE)
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
        stored = read_arrays(path, (*PARTS, DIGEST), error=DataError, largest=LARGEST)
        if (found := _digest(stored)) != str(stored[DIGEST]):
            raise DataError(f"found the sha256 {found[:16]}..., it was written with {str(stored[DIGEST])[:16]}...")
        return ImageArrays(
            train_x=stored["train_x"],
            train_y=stored["train_y"],
            test_x=stored["test_x"],
            test_y=stored["test_y"],
            classes=tuple(map(str, stored["classes"])),
            class_sorted=bool(stored["class_sorted"]),
            name=str(stored["name"]),
            preparation=json.loads(str(stored["preparation"])),
            notes=tuple(Note(text, warning) for text, warning in json.loads(str(stored["notes"]))),
        )
    except (DataError, OSError) as error:
        log.warning("The cached images in %s are damaged (%s) and are decoded anew.", path, error)
        return None


def _parts(arrays: ImageArrays) -> dict[str, npt.NDArray]:
    """What a file of the cache holds."""
    texts = {"preparation": json.dumps(arrays.preparation), "notes": json.dumps(arrays.notes)}
    parts = {part: np.asarray(texts.get(part, getattr(arrays, part))) for part in PARTS}
    return {**parts, DIGEST: np.array(_digest(parts))}


def _digest(parts: Mapping[str, npt.NDArray]) -> str:
    """sha256 of all arrays: types, shapes and bytes."""
    digest = hashlib.sha256()
    for part in PARTS:
        values = np.ascontiguousarray(parts[part])
        digest.update(f"{part}\0{values.dtype.str}\0{parts[part].shape}\0".encode())
        digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
