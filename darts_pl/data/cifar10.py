"""CIFAR-10 in whichever form it lies at hand, downloaded where it does not."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from darts_pl.bounded.texts import file_digest
from darts_pl.data.arrays import ImageArrays
from darts_pl.data.cache import cached, fingerprint
from darts_pl.data.cifar10_batches import CLASSES, SIDE, read_binary_batches, read_python_batches
from darts_pl.data.download import download
from darts_pl.data.folder import check_source
from darts_pl.data.image_files import ImageFiles
from darts_pl.errors import DataError
from darts_pl.paths import cache_dir

URL = "https://www.cs.toronto.edu/~kriz/"
PYTHON_ARCHIVE = "cifar-10-python.tar.gz"
PYTHON_FOLDER = "cifar-10-batches-py"
BINARY_ARCHIVE = "cifar-10-binary.tar.gz"
BINARY_FOLDER = "cifar-10-batches-bin"
IMAGE_ARCHIVES = tuple(f"cifar10-images.{suffix}" for suffix in ("tar.xz", "tar.gz", "tar", "zip"))
IMAGE_FOLDER = f"train/{CLASSES[0]}"
LAYOUTS = (PYTHON_ARCHIVE, PYTHON_FOLDER, BINARY_ARCHIVE, BINARY_FOLDER, *IMAGE_ARCHIVES, IMAGE_FOLDER)
Reader: TypeAlias = Callable[[Path], ImageArrays]


@dataclass(frozen=True)
class Cifar10:
    """60,000 images of 32x32 pixels in ten classes (Krizhevsky 2009).

    Args:
        root: a folder in which, or in whose `cifar10`, one of `LAYOUTS` lies, or an archive itself. Without it:
            `$DARTS_PL_DATA`, then the cache.
        download: fetch the official archive (163 MiB) into the cache where no `root` is given and nothing found.
        url: where the official archive lies.
        python_md5, binary_md5: the digests that the official archives must have.
    """

    root: str | Path | None = None
    download: bool = True
    url: str = URL
    python_md5: str = "c58f30108f718f92721af3b95e74349a"
    binary_md5: str = "c32a1d4ab5d03f1284b67883e8d87530"

    def load(self) -> ImageArrays:
        """The images, decoded once and then kept in the cache.

        Raises:
            DataError: nothing found (the message lists the layouts and the folders), an official archive of
                another digest, a damaged file, images that are not CIFAR-10's.
        """
        path = self._find()
        if path.name in (PYTHON_ARCHIVE, PYTHON_FOLDER):
            return self._official(path, PYTHON_ARCHIVE, self.python_md5, read_python_batches)
        if path.name in (BINARY_ARCHIVE, BINARY_FOLDER):
            return self._official(path, BINARY_ARCHIVE, self.binary_md5, read_binary_batches)
        return _from_images(path.parents[1] if path.is_dir() else path)

    def _find(self) -> Path:
        """The first layout present, in the order of `LAYOUTS`."""
        if self.root is not None and Path(self.root).expanduser().is_file():
            return Path(self.root).expanduser()
        folders = self._folders()
        for folder in folders:
            for layout in LAYOUTS:
                if (folder / layout).exists():
                    return folder / layout
        if self.root is None and self.download:
            return download(self.url + PYTHON_ARCHIVE, self.python_md5, cache_dir() / "cifar10")
        raise DataError(
            f"CIFAR-10 was not found in {', '.join(map(str, folders))}. Looked for: {', '.join(LAYOUTS)} (class "
            "folders). Name the folder that holds one of these as the source's root or in $DARTS_PL_DATA."
        )

    def _folders(self) -> list[Path]:
        if self.root is not None:
            bases = [Path(self.root).expanduser()]
        else:
            given = os.environ.get("DARTS_PL_DATA")
            bases = [*([Path(given).expanduser()] if given else []), cache_dir()]
        return [folder for base in bases for folder in (base, base / "cifar10")]

    def _official(self, path: Path, archive: str, md5: str, read: Reader) -> ImageArrays:
        check_source(path)
        if path.name == archive and (found := file_digest(path, "md5")) != md5:
            raise DataError(
                f"{path} has the md5 digest {found}, expected {md5}: cut short, damaged or another file. "
                f"Download it again from {self.url}{archive}"
            )
        return cached("cifar10", {"source": fingerprint(path), "reader": archive}, lambda: read(path))


def _from_images(path: Path) -> ImageArrays:
    arrays = ImageFiles(path).load()
    if arrays.classes != CLASSES or arrays.train_x.shape[1:] != (SIDE, SIDE, 3):
        height, width, channels = arrays.train_x.shape[1:]
        raise DataError(
            f"{path} is not CIFAR-10: it holds images of {height}x{width}x{channels} in the "
            f"{len(arrays.classes)} classes {', '.join(arrays.classes[:10])}; expected 32x32x3 in "
            f"{', '.join(CLASSES)}. Use ImageFiles for other images."
        )
    return replace(arrays, name="cifar10")
