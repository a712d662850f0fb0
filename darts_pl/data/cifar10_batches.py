"""The official CIFAR-10 batches, as pickles of Python or as binary records (Krizhevsky 2009)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from darts_pl.data.archive import open_members
from darts_pl.data.arrays import ImageArrays
from darts_pl.data.unpickle import unpickle
from darts_pl.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32
PIXELS = 3 * SIDE * SIDE
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
Labelled = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def read_python_batches(source: Path) -> ImageArrays:
    """The archive `cifar-10-python.tar.gz` or its folder: pickles of `data` uint8 [N, 3072] and `labels`.

    Raises:
        DataError: a missing or damaged batch, a pickle that names more than these files need.
    """
    files = _files(source, {*TRAIN_BATCHES, TEST_BATCH})
    return _arrays({name: _python_batch(data, f"{source}: {name}") for name, data in files.items()})


def read_binary_batches(source: Path) -> ImageArrays:
    """The archive `cifar-10-binary.tar.gz` or its folder: records of one label byte and 3,072 pixels.

    Raises:
        DataError: a missing batch, one cut short, a label that is no class.
    """
    files = _files(source, {f"{name}.bin" for name in (*TRAIN_BATCHES, TEST_BATCH)})
    return _arrays(
        {name.removesuffix(".bin"): _binary_batch(data, f"{source}: {name}") for name, data in files.items()}
    )


def _files(source: Path, names: set[str]) -> dict[str, bytes]:
    with open_members(source) as members:
        found = {m.path.name: m.read() for m in members if m.path.name in names and not m.is_folder}
    if missing := sorted(names - found.keys()):
        raise DataError(f"{source} lacks {', '.join(missing)}. Copy or download CIFAR-10 again")
    return found


def _python_batch(data: bytes, where: str) -> Labelled:
    batch = unpickle(data, where)
    if not isinstance(batch, dict) or not {"data", "labels"} <= batch.keys():
        raise DataError(f"{where} holds no 'data' and 'labels', which every batch of CIFAR-10 has")
    pixels, labels = batch["data"], batch["labels"]
    if not (isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and isinstance(labels, list)):
        raise DataError(f"{where}: expected 'data' as a uint8 array and 'labels' as a list")
    if pixels.shape != (len(labels), PIXELS):
        raise DataError(f"{where}: 'data' is {list(pixels.shape)}, expected [{len(labels)}, {PIXELS}]")
    return _images(pixels, labels, where)


def _binary_batch(data: bytes, where: str) -> Labelled:
    if not data or len(data) % (PIXELS + 1):
        raise DataError(
            f"{where} has {len(data)} bytes, expected a multiple of {PIXELS + 1} (label and pixels of an "
            "image): the file is cut short or damaged"
        )
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, PIXELS + 1)
    return _images(records[:, 1:], records[:, 0], where)


def _images(pixels: npt.NDArray[np.uint8], labels: npt.ArrayLike, where: str) -> Labelled:
    """Rows of planes (red, green, blue) to [N, H, W, C]."""
    y = np.asarray(labels)
    if y.ndim != 1 or y.dtype.kind not in "iu" or (len(y) and not 0 <= y.min() <= y.max() < len(CLASSES)):
        raise DataError(f"{where}: labels other than the whole numbers 0..{len(CLASSES) - 1}")
    return pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), y.astype(np.int64)


def _arrays(batches: Mapping[str, Labelled]) -> ImageArrays:
    train_x = np.concatenate([batches[name][0] for name in TRAIN_BATCHES])
    train_y = np.concatenate([batches[name][1] for name in TRAIN_BATCHES])
    test_x, test_y = batches[TEST_BATCH]
    return ImageArrays(
        train_x, train_y, np.ascontiguousarray(test_x), test_y, CLASSES, class_sorted=False, name="cifar10"
    )
