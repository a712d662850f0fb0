"""Anyone's own images: a folder or archive with a folder for each class, of any size and any classes."""

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from darts_pl.data.archive import Member, open_members
from darts_pl.data.arrays import ImageArrays
from darts_pl.data.cache import cached, fingerprint
from darts_pl.data.class_folders import LAYOUTS, ClassFolders, class_folders
from darts_pl.data.decode import ImageDecoder
from darts_pl.data.reading_notes import Notes, log_notes
from darts_pl.data.split import Index, holdout
from darts_pl.errors import DataError

MOST_REFUSED = 20  # images that are named before the rest is left unread


@dataclass(frozen=True)
class ImageFiles:
    """Images sorted into class folders, in a folder or in a tar or zip archive.

    Read are `train/<class>/*` with `test/<class>/*` (or val, valid), or `<class>/*`, of which a part is held
    out for testing. Images are turned upright by their EXIF orientation; of several pages the first is read.

    Args:
        root: the folder or archive.
        test_fraction: the share held out where there is no test part, the classes' shares kept.
        resize: [H, W] to bring every image to; without it all must have one size.
        mode: "L", "RGB" or "RGBA" to convert every image to; without it all must have one mode.
        seed: of the held-out part.
        background: the colour that transparent pixels are laid on: a name, "#rrggbb" or [r, g, b]; without it they stay
            transparent in RGBA and are refused elsewhere.
        range: [lowest, highest] value of 16-bit, 32-bit and floating point images, to become 0 and 255; without it the
            lowest and highest of all training images.
    """

    root: str | Path
    test_fraction: float = 0.2
    resize: Sequence[int] | None = None
    mode: str | None = None
    seed: int = 0
    background: str | Sequence[int] | None = None
    range: Sequence[float] | None = None

    def load(self) -> ImageArrays:
        """The images, decoded once and then kept in the cache. What was left out, followed or changed is logged.

        Raises:
            DataError: a missing, empty or damaged folder, archive or image, one of another size, mode or depth, with
                transparent pixels and no background, or folders that are no classes; the message names the file.
            ConfigError: an impossible `resize`, `mode`, `background` or `range`.
        """
        root = Path(self.root).expanduser()
        size = None if self.resize is None else tuple(map(int, self.resize))
        decoder = ImageDecoder(size, self.mode, self.background, self.range)
        if not root.exists() and not root.is_symlink():
            raise DataError(f"there is no {root}. Expected a folder or archive of class folders: {LAYOUTS}")
        options: dict[str, Any] = {"fraction": self.test_fraction, "size": size, "mode": self.mode, "seed": self.seed}
        options |= {"background": decoder.background, "range": decoder.range.limits}
        key = {"source": fingerprint(root), "name": root.name, **options}
        arrays = cached("folders", key, functools.partial(self._decode, root, decoder))
        log_notes(arrays.notes)
        return arrays

    def _decode(self, root: Path, decoder: ImageDecoder) -> ImageArrays:
        notes = Notes()
        with open_members(root, notes) as members:
            folders = class_folders(members, str(root), notes)
            try:
                parts = self._parts(folders)
            except DataError:  # a bad image is told before that there are too few
                _Images(members, [_part(folders.train)], decoder, str(root)).decode()
                raise
            images = _Images(members, parts, decoder, str(root))
            images.decode()
        (train_x, train_y), (test_x, test_y) = zip(images.pixels, (part.labels for part in parts))
        return ImageArrays(
            train_x,
            train_y,
            test_x,
            test_y,
            classes=tuple(folders.train),
            class_sorted=True,
            name=root.name.split(".")[0],
            preparation=decoder.settings,
            notes=notes.found(str(root)) + decoder.notes.found(str(root)),
        )

    def _parts(self, folders: ClassFolders) -> tuple["_Part", "_Part"]:
        """Training and test part; a held-out one is chosen by the labels alone, before anything is decoded."""
        train = _part(folders.train)
        if folders.test is not None:
            return train, _part(folders.test)
        kept, held = holdout(train.labels, self.test_fraction, self.seed, tuple(folders.train))
        return train.chosen(kept), train.chosen(held)


@dataclass(frozen=True)
class _Part:
    """Files sorted by class, with their labels [N]."""

    files: list[Member]
    labels: Index

    def chosen(self, index: Index) -> "_Part":
        return _Part([self.files[number] for number in index], self.labels[index])


def _part(classes: dict[str, list[Member]]) -> _Part:
    sizes = [len(files) for files in classes.values()]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), sizes)
    return _Part([member for files in classes.values() for member in files], labels)


class _Images:
    """Decodes all files of the training and the test part in stored order: an archive is read forwards.

    Attributes:
        pixels: uint8 [N, H, W, C] of each part.
    """

    def __init__(self, members: Sequence[Member], parts: Sequence[_Part], decoder: ImageDecoder, where: str):
        self.places = {id(file): (part, row) for part, each in enumerate(parts) for row, file in enumerate(each.files)}
        self.ordered = [member for member in members if id(member) in self.places]
        self.sizes = [len(part.files) for part in parts]
        self.decoder, self.where = decoder, where
        self.pixels: list[npt.NDArray[np.uint8]] = []

    def decode(self) -> None:
        """Fill `pixels`. Images whose range is measured are decoded twice."""
        again = self._pass(self.ordered, "Decoding images")
        self.decoder.settle(self.where)
        self._pass(again, "Scaling deep images")

    def _pass(self, files: Sequence[Member], title: str) -> list[Member]:
        """Decode the files and return those that are to be decoded again."""
        again, refused = [], []
        for member in _with_progress(files, f"{title} of {Path(self.where).name}"):
            part, row = self.places[id(member)]
            try:
                pixels = self.decoder(member.read(), f"{self.where}: {member.path}", training=part == 0)
            except DataError as error:
                refused.append((member, error))
                if len(refused) == MOST_REFUSED:
                    break
                continue
            if pixels is None:
                again.append(member)
            elif not refused:
                self._store(part, row, pixels)
        if refused:
            raise _refusal(refused)
        return again

    def _store(self, part: int, row: int, pixels: npt.NDArray[np.uint8]) -> None:
        if not self.pixels:
            _check_memory(sum(self.sizes), pixels, self.where)
            self.pixels = [np.empty((size, *pixels.shape), np.uint8) for size in self.sizes]
        self.pixels[part][row] = pixels


def _check_memory(count: int, pixels: npt.NDArray[np.uint8], where: str) -> None:
    """Refuse at the first image what the machine could never hold."""
    needed, names = count * pixels.nbytes, getattr(os, "sysconf_names", {})
    if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= names.keys():
        return  # Windows does not say
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > memory:
        height, width = pixels.shape[:2]
        raise DataError(
            f"{where}: {count} images of {height}x{width} pixels take {needed / 2**30:.1f} GiB, and the machine has "
            f"{memory / 2**30:.1f} GiB; all are held in memory. data.resize=[{height // 4 or 1},{width // 4 or 1}] "
            "takes a sixteenth"
        )


def _with_progress(files: Sequence[Member], title: str) -> Iterator[Member]:
    if not files:
        return
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        yield from progress.track(files, description=title)


def _refusal(refused: Sequence[tuple[Member, DataError]]) -> DataError:
    """The first refusal, with the number and names of the others."""
    message = str(refused[0][1])
    if others := [str(member.path) for member, _ in refused[1:]]:
        count = f"{len(refused)} images or more" if len(refused) == MOST_REFUSED else f"{len(refused)} images"
        message = (
            f"{message.rstrip('.')}. Refused are {count}, also {', '.join(others[:5])}{' …' if others[5:] else ''}"
        )
    return DataError(message)
