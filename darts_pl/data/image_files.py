"""Anyone's own images: a folder or archive with a folder for each class, of any size and any classes."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from darts_pl.data.archive import Member, open_members
from darts_pl.data.arrays import ImageArrays
from darts_pl.data.cache import cached, fingerprint
from darts_pl.data.class_folders import LAYOUTS, class_folders
from darts_pl.data.decode import ImageDecoder
from darts_pl.data.split import holdout
from darts_pl.errors import DataError

Labelled = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class ImageFiles:
    """Images sorted into class folders, in a folder or in a tar or zip archive.

    Read are `train/<class>/*` with `test/<class>/*` (or val, valid), or `<class>/*`, of which a part is held
    out for testing.

    Args:
        root: the folder or archive.
        test_fraction: the share held out where there is no test part, the classes' shares kept.
        resize: [H, W] to bring every image to; without it all must have one size.
        mode: "L", "RGB" or "RGBA" to convert every image to; without it all must have one mode.
        seed: of the held-out part.
    """

    root: str | Path
    test_fraction: float = 0.2
    resize: Sequence[int] | None = None
    mode: str | None = None
    seed: int = 0

    def load(self) -> ImageArrays:
        """The images, decoded once and then kept in the cache.

        Raises:
            DataError: a missing, empty or damaged folder, archive or image, one of another size or mode, or
                folders that are no classes; the message names the file.
            ConfigError: an impossible `resize` or `mode`.
        """
        root = Path(self.root).expanduser()
        size = None if self.resize is None else tuple(map(int, self.resize))
        decoder = ImageDecoder(size, self.mode)
        if not root.exists():
            raise DataError(f"there is no {root}. Expected a folder or archive of class folders: {LAYOUTS}")
        options = {"fraction": self.test_fraction, "size": size, "mode": self.mode, "seed": self.seed}
        key = {"source": fingerprint(root), "name": root.name, **options}
        return cached("folders", key, functools.partial(self._decode, root, decoder))

    def _decode(self, root: Path, decoder: ImageDecoder) -> ImageArrays:
        with open_members(root) as members:
            folders = class_folders(members, str(root))
            parts = [part for part in (folders.train, folders.test) if part is not None]
            decoded = _decode_parts(members, parts, decoder, root)
        classes = tuple(folders.train)
        train, test = decoded if folders.test is not None else self._hold_out(decoded[0], classes)
        name = root.name.split(".")[0]
        return ImageArrays(*train, *test, classes=classes, class_sorted=True, name=name)

    def _hold_out(self, images: Labelled, classes: Sequence[str]) -> tuple[Labelled, Labelled]:
        x, y = images
        kept, held = holdout(y, self.test_fraction, self.seed, classes)
        return (x[kept], y[kept]), (x[held], y[held])


def _decode_parts(
    members: Sequence[Member], parts: Sequence[dict[str, list[Member]]], decoder: ImageDecoder, root: Path
) -> list[Labelled]:
    """Images [N, H, W, C] and labels [N] of each part, decoded in stored order: an archive is read forwards."""
    ordered = [[member for files in part.values() for member in files] for part in parts]
    wanted = {id(member) for files in ordered for member in files}
    pixels: dict[int, npt.NDArray[np.uint8]] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"Decoding images of {root.name}", total=len(wanted))
        for member in members:
            if id(member) in wanted:
                pixels[id(member)] = decoder(member.read(), f"{root}: {member.path}")
                progress.advance(task)
    return [(np.stack([pixels[id(member)] for member in files]), _labels(part)) for files, part in zip(ordered, parts)]


def _labels(part: dict[str, list[Member]]) -> npt.NDArray[np.int64]:
    return np.repeat(np.arange(len(part), dtype=np.int64), [len(files) for files in part.values()])
