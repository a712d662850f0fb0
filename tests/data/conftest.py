"""Small image folders and archives, and a cache of each test's own."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darts_pl.data.arrays import ImageArrays


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that starts empty."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("DARTS_PL_CACHE", str(folder))
    return folder


@pytest.fixture
def save_image() -> Callable[..., Path]:
    """Writes a PNG of one colour."""

    def save(path: Path, value: int = 0, size: tuple[int, int] = (4, 6), mode: str = "RGB") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = size
        colour = value if mode in ("L", "P") else (value,) * len(mode)
        Image.new(mode, (width, height), colour).save(path)
        return path

    return save


@pytest.fixture
def image_folder(tmp_path: Path, save_image: Callable[..., Path]) -> Path:
    """train and test, classes `item2` and `item10`, three and one images of 4x6 pixels, each with its own value."""
    root = tmp_path / "pictures"
    for label, name in enumerate(("item2", "item10")):
        for number in (1, 2, 10):
            save_image(root / "train" / name / f"p{number}.png", 100 * label + number)
        save_image(root / "test" / name / "p1.png", 200 + label)
    return root


@pytest.fixture
def pack() -> Callable[[Path, Path], Path]:
    """Packs a folder's content into an archive of the kind that its suffix names."""

    def write(folder: Path, archive: Path) -> Path:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
                for path in sorted(folder.rglob("*")):
                    stream.write(path, path.relative_to(folder))
            return archive
        with tarfile.open(archive, f"w:{archive.suffix[1:]}" if archive.suffix != ".tar" else "w") as stream:
            for path in sorted(folder.iterdir()):
                stream.add(path, path.name)
        return archive

    return write


@pytest.fixture
def tar_of() -> Callable[..., Path]:
    """Writes a gzipped tar of files given as name and content."""

    def write(archive: Path, files: dict[str, bytes]) -> Path:
        with tarfile.open(archive, "w:gz") as stream:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                stream.addfile(info, io.BytesIO(content))
        return archive

    return write


@pytest.fixture
def numbered_source() -> Callable[..., object]:
    """A source whose image i has i in its pixels, so that a batch tells which images it holds."""

    class Numbered:
        def __init__(self, n: int = 40, classes: int = 4, class_sorted: bool = False) -> None:
            y = np.arange(n) % classes
            self.y = np.sort(y) if class_sorted else y
            self.classes, self.class_sorted = tuple("abcdefgh"[:classes]), class_sorted

        def load(self) -> ImageArrays:
            x = np.arange(len(self.y), dtype=np.uint8)[:, None, None, None] * np.ones((1, 5, 6, 2), np.uint8)
            return ImageArrays(x, self.y, x[:8], self.y[:8], self.classes, self.class_sorted, "numbered")

    return Numbered
