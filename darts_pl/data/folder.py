"""The files below a folder, links followed, before any of them is opened."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from darts_pl.data.reading_notes import Notes
from darts_pl.errors import DataError

SYSTEM_FILES = {"__MACOSX", "Thumbs.db", "desktop.ini"}
SPECIAL = {
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
Identity = tuple[int, int]  # device and inode


class Found(NamedTuple):
    """A file or folder: its path below the folder that was walked, with `/`, and its entry in the folder it lies in."""

    path: str
    is_folder: bool
    entry: os.DirEntry[str]


def check_source(source: Path) -> None:
    """Refuse what is neither a file nor a folder, before it is opened: a fifo would wait for ever.

    Raises:
        DataError: nothing there, a link to nothing, a fifo, socket or device, a folder that may not be entered.
    """
    try:
        kind = stat.S_IFMT(source.stat().st_mode)
    except OSError as error:
        if source.is_symlink():
            raise DataError(f"{source} is a link to {_target(source)}, which cannot be reached") from error
        raise DataError(f"{source} cannot be read ({error.strerror})") from error
    if kind in SPECIAL:
        raise DataError(f"{source} is {SPECIAL[kind]}, expected a file or a folder")


def is_system_file(path: str) -> bool:
    """Whether a path has a hidden part or one that systems leave behind, such as `.DS_Store` and `__MACOSX`."""
    return any(part in SYSTEM_FILES or (part.startswith(".") and part != ".") for part in path.split("/"))


def walk(root: Path, notes: Notes) -> Iterator[Found]:
    """Everything below `root`, folders before their content, sorted by name at each level. Links are followed wherever
    they lead; hidden and system files are passed over and not looked into. Both are noted.

    Raises:
        DataError: a link to nothing or in a circle, a fifo, socket or device, a folder that may not be read.
    """
    top = _identity(root.stat())
    walker = _Walker(root, notes, {top: "the folder itself"})
    waiting = walker.below("", frozenset([top]))[::-1]
    while waiting:
        found, around = waiting.pop()
        yield found
        if found.is_folder:
            waiting += walker.below(found.path, around)[::-1]


@dataclass
class _Walker:
    """Lists one folder after the other; `known` are those listed so far."""

    root: Path
    notes: Notes
    known: dict[Identity, str]

    def below(self, folder: str, around: frozenset[Identity]) -> list[tuple[Found, frozenset[Identity]]]:
        """What lies in a folder, each with the folders around what it holds, by which a circle is noticed."""
        return [self._entry_of(entry, folder, around) for entry in self._entries(self.root / folder)]

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"the folder {folder} cannot be read ({error.strerror})") from error
        for entry in listed:
            if is_system_file(entry.name):
                self.notes.add("hidden or system files, not read", entry.path)
            else:
                yield entry

    def _entry_of(
        self, entry: os.DirEntry[str], folder: str, around: frozenset[Identity]
    ) -> tuple[Found, frozenset[Identity]]:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.is_file(follow_symlinks=False):
            return Found(path, False, entry), around
        facts = self._facts(entry, path)
        if entry.is_symlink():
            self.notes.add("links followed", f"{path} to {_target(entry.path)}")
        if not stat.S_ISDIR(facts.st_mode):
            return Found(path, False, entry), around
        identity = _identity(facts)
        if identity in around:
            circle = f"leads back to a folder around it ({self.known[identity]}), a circle of links"
            raise DataError(f"{self.root}: {path!r} {circle}")
        if identity in self.known:
            twice = f"{path}, the same as {self.known[identity]}"
            self.notes.add("folders read twice through links", twice, warning=True)
        self.known.setdefault(identity, path)
        return Found(path, True, entry), around | {identity}

    def _facts(self, entry: os.DirEntry[str], path: str) -> os.stat_result:
        try:
            facts = Path(entry.path).stat()  # entry.stat() has no identity on Windows
        except OSError as error:
            link = f"is a link to {_target(entry.path)}, which cannot be reached"
            found = link if entry.is_symlink() else "cannot be read"
            raise DataError(f"{self.root}: {path!r} {found} ({error.strerror}). Mend or remove it") from error
        kind = stat.S_IFMT(facts.st_mode)
        if kind in SPECIAL:
            raise DataError(f"{self.root}: {path!r} is {SPECIAL[kind]}, expected files and folders. Remove it")
        return facts


def _identity(facts: os.stat_result) -> Identity:
    return facts.st_dev, facts.st_ino


def _target(link: Path | str) -> str:
    try:
        return str(Path(link).readlink())
    except OSError:
        return "nowhere"
