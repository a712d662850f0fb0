"""Which file is an image of which class: `train/<class>/*` with `test/<class>/*`, or `<class>/*` alone."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from darts_pl.data.archive import Member
from darts_pl.errors import DataError

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
TEST_NAMES = ("test", "val", "valid")
LAYOUTS = "train/<class>/* with test/<class>/* (or val, valid), or <class>/*"
SYSTEM_FILES = {"__MACOSX", "Thumbs.db", "desktop.ini"}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassFolders:
    """Files of each class, names in natural order (`class2` before `class10`); `test` may be None."""

    train: dict[str, list[Member]]
    test: dict[str, list[Member]] | None


def class_folders(members: Sequence[Member], where: str) -> ClassFolders:
    """Sort the members of a folder or archive into classes; folders around the whole are left out.

    Args:
        members: files and folders, in any order.
        where: the folder or archive, for messages.

    Raises:
        DataError: no images, an image in no class folder or too deep, an empty class folder, one class only,
            classes of the test part unlike those of the training part.
    """
    entries = _below_common_folder([m for m in members if not _is_system_file(m)], where)
    tops = {parts[0] for parts, _ in entries if len(parts) > 1}
    test_name = next((name for name in TEST_NAMES if name in tops), None)
    if "train" not in tops or test_name is None:
        return ClassFolders(_classes(entries, where), None)
    if ignored := sorted(tops - {"train", test_name}):
        log.warning("%s: %s not read; the parts are train and %s.", where, ", ".join(ignored), test_name)
    train, test = (_part(entries, name, where) for name in ("train", test_name))
    if train.keys() != test.keys():
        raise DataError(
            f"{where}: the classes of train and {test_name} differ. Only in train: "
            f"{sorted(train.keys() - test.keys())}; only in {test_name}: {sorted(test.keys() - train.keys())}"
        )
    return ClassFolders(train, test)


Entry = tuple[tuple[str, ...], Member]


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key in which numbers count as numbers.

    >>> sorted(["a10", "a2", "B"], key=natural)
    ['a2', 'a10', 'B']
    """
    pieces = re.split(r"(\d+)", name)
    key = [(0, int(p), p) if p.isdecimal() else (1, 0, p.lower()) for p in pieces if p]
    return [*key, (2, 0, name)]


def _below_common_folder(members: Sequence[Member], where: str) -> list[Entry]:
    entries = [(m.path.parts, m) for m in members if m.path.parts]
    images = [parts for parts, member in entries if _is_image(member)]
    if not images:
        raise DataError(f"{where} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}). Expected {LAYOUTS}")
    while min(map(len, images)) > 2 and len({parts[0] for parts in images}) == 1:
        top = images[0][0]
        images = [parts[1:] for parts in images]
        entries = [(parts[1:], member) for parts, member in entries if parts[0] == top and len(parts) > 1]
    return entries


def _part(entries: Sequence[Entry], name: str, where: str) -> dict[str, list[Member]]:
    below = [(parts[1:], member) for parts, member in entries if parts[0] == name and len(parts) > 1]
    return _classes(below, f"{where}, {name}")


def _classes(entries: Sequence[Entry], where: str) -> dict[str, list[Member]]:
    classes: dict[str, list[Member]] = {}
    for parts, member in entries:
        if member.is_folder or len(parts) > 1:
            classes.setdefault(parts[0], [])
        if member.is_folder or (len(parts) == 1 and not _is_image(member)):
            continue
        if len(parts) != 2:
            raise DataError(f"{where}: the image {str(member.path)!r} lies in no class folder. Expected {LAYOUTS}")
        classes[parts[0]].append(member)
    _check_classes(classes, where)
    return {name: sorted(classes[name], key=_by_name) for name in sorted(classes, key=natural)}


def _check_classes(classes: dict[str, list[Member]], where: str) -> None:
    if empty := sorted(name for name, files in classes.items() if not files):
        raise DataError(f"{where}: class folder {empty[0]!r} is empty. Add its images or remove the folder")
    if len(classes) < 2:
        raise DataError(f"{where}: one class only, {list(classes)}. Expected 2 or more class folders: {LAYOUTS}")


def _by_name(member: Member) -> list[tuple[int, int, str]]:
    return natural(member.path.name)


def _is_image(member: Member) -> bool:
    return not member.is_folder and member.path.suffix.lower() in IMAGE_SUFFIXES


def _is_system_file(member: Member) -> bool:
    return any(part.startswith(".") or part in SYSTEM_FILES for part in member.path.parts)
