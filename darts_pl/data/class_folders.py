"""Which file is an image of which class: `train/<class>/*` with `test/<class>/*`, or `<class>/*` alone."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from darts_pl.data.archive import Member
from darts_pl.data.reading_notes import Notes
from darts_pl.errors import DataError

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
IMAGE_SUFFIXES |= {".jfif", ".jpe", ".jp2", ".avif", ".apng", ".pbm", ".pnm", ".tga"}
TEST_NAMES = ("test", "val", "valid")
BESIDE = "files and folders beside the classes, not read"
LAYOUTS = "train/<class>/* with test/<class>/* (or val, valid), or <class>/*"


@dataclass(frozen=True)
class ClassFolders:
    """Files of each class, names in natural order (`class2` before `class10`); `test` may be None."""

    train: dict[str, list[Member]]
    test: dict[str, list[Member]] | None


def class_folders(members: Sequence[Member], where: str, notes: Notes | None = None) -> ClassFolders:
    """Sort the members of a folder or archive into classes; folders around the whole are left out.

    Args:
        members: files and folders, in any order.
        where: the folder or archive, for messages.
        notes: takes what is to be told: files and folders that are not read, names that are nearly the same.

    Raises:
        DataError: no images, an image in no class folder or too deep, an empty class folder, one class only,
            classes of the test part unlike those of the training part, classes whose names look the same.
    """
    notes = Notes() if notes is None else notes
    entries = _below_common_folder(members, where, notes)
    tops = {parts[0] for parts, _ in entries if len(parts) > 1}
    test_name = next((name for name in TEST_NAMES if name in tops), None)
    if "train" not in tops or test_name is None:
        return ClassFolders(_classes(entries, where, notes), None)
    for ignored in sorted(tops - {"train", test_name}):
        notes.add(f"folders not read, as the parts are train and {test_name}", ignored, warning=True)
    for parts, member in entries:
        if len(parts) == 1 and not member.is_folder:
            notes.add(BESIDE, str(member.path))
    train, test = (_part(entries, name, where, notes) for name in ("train", test_name))
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


def _below_common_folder(members: Sequence[Member], where: str, notes: Notes) -> list[Entry]:
    entries = [(m.path.parts, m) for m in members if m.path.parts]
    images = [parts for parts, member in entries if _is_image(member)]
    if not images:
        raise DataError(
            f"{where} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}; hidden ones are not read). "
            f"Expected {LAYOUTS}"
        )
    while min(map(len, images)) > 2 and len({parts[0] for parts in images}) == 1:
        top = images[0][0]
        images = [parts[1:] for parts in images]
        for parts, member in entries:
            if parts[0] != top:
                notes.add(BESIDE, str(member.path))
        entries = [(parts[1:], member) for parts, member in entries if parts[0] == top and len(parts) > 1]
    return entries


def _part(entries: Sequence[Entry], name: str, where: str, notes: Notes) -> dict[str, list[Member]]:
    below = [(parts[1:], member) for parts, member in entries if parts[0] == name and len(parts) > 1]
    return _classes(below, f"{where}, {name}", notes)


def _classes(entries: Sequence[Entry], where: str, notes: Notes) -> dict[str, list[Member]]:
    classes: dict[str, list[Member]] = {}
    written: dict[str, str] = {}  # the name of each class as its folder spells it
    for parts, member in entries:
        if len(parts) == 1 and not member.is_folder and not _is_image(member):
            notes.add(BESIDE, str(member.path))
            continue
        if member.is_folder or len(parts) > 1:
            name = _class_name(parts[0], written, where)
            classes.setdefault(name, [])
        if member.is_folder:
            continue
        if len(parts) != 2:
            raise DataError(f"{where}: the image {str(member.path)!r} lies in no class folder. Expected {LAYOUTS}")
        classes[name].append(member)
    _check_classes(classes, where)
    _note_near(classes, "classes whose names differ only in capitals, kept apart", notes)
    for name, files in classes.items():
        stems = [f"{name}/{file.path.name}" for file in files]
        _note_near(stems, "files whose names differ only in capitals or the form of their letters, all read", notes)
    return {name: sorted(classes[name], key=_by_name) for name in sorted(classes, key=natural)}


def _class_name(folder: str, written: dict[str, str], where: str) -> str:
    """The name in composed letters: é is one letter or e with an accent, by the system that packed an archive."""
    name = unicodedata.normalize("NFC", folder)
    if written.setdefault(name, folder) != folder:
        raise DataError(
            f"{where}: two class folders are named {name!r}, with letters composed in other ways ({folder!a} and "
            f"{written[name]!a}). Join or rename them"
        )
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{where}: the class folder {folder!a} is not named in UTF-8. Rename it") from error
    return name


def _note_near(names: Iterable[str], what: str, notes: Notes) -> None:
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            notes.add(what, f"{name!a} like {other!a}", warning=True)


def _check_classes(classes: dict[str, list[Member]], where: str) -> None:
    if empty := sorted(name for name, files in classes.items() if not files):
        raise DataError(f"{where}: class folder {empty[0]!r} is empty. Add its images or remove the folder")
    if len(classes) < 2:
        raise DataError(f"{where}: one class only, {list(classes)}. Expected 2 or more class folders: {LAYOUTS}")


def _by_name(member: Member) -> list[tuple[int, int, str]]:
    return natural(member.path.name)


def _is_image(member: Member) -> bool:
    return not member.is_folder and member.path.suffix.lower() in IMAGE_SUFFIXES
