"""A cache is taken for the user's own data, so nobody else may be able to write it."""

import os
import stat
import tempfile
from pathlib import Path

from darts_pl.errors import DataError
from darts_pl.paths import cache_dir, mode_of_new_files

FOLDER_MODE, FILE_MODE = 0o775, 0o664  # less the umask: never for everybody to write, not even where that has no limits


def make_folder(folder: Path) -> None:
    """Make a folder of the cache with those above it.

    Raises:
        OSError: it cannot be made. DataError: see `check_own`.
    """
    for place in reversed((folder, *folder.parents)):
        if not place.is_dir():
            place.mkdir(FOLDER_MODE, exist_ok=True)
    check_own(folder)


def check_own(path: Path) -> None:
    """Look at who else can write `path`, a file or folder of the cache, and the folders above it up to the cache's own;
    what is not there is passed over.

    The group may write where the process' umask lets it: a file made now would be no different.

    Raises:
        DataError: one of them belongs to another user, root excepted, or can be written by others; with the remedy.
    """
    if os.name == "nt":
        return
    root = cache_dir()
    for place in (path, *(folder for folder in path.parents if folder == root or root in folder.parents)):
        try:
            facts = place.stat()
        except OSError:  # not there, or not to be looked at: then nothing can be read from it either
            continue
        if problem := _problem(facts):
            raise DataError(
                f"{place} {problem}, expected a cache that nobody else can write: what lies in it is taken for your "
                "data. $DARTS_PL_CACHE names another folder"
                + (f"; or, if you trust what is there: chmod -R go-w {root}" if facts.st_uid == os.getuid() else "")
            )


def _problem(facts: os.stat_result) -> str | None:
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid not in (os.getuid(), 0):
        return f"belongs to the user of number {facts.st_uid}, this is {os.getuid()}"
    if mode & stat.S_IWOTH:
        return f"can be written by everybody (its mode is {mode:04o})"
    if mode & stat.S_IWGRP and not _umask_lets_group_write():
        return f"can be written by its group (its mode is {mode:04o})"
    return None


def _umask_lets_group_write() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return bool(mode_of_new_files(Path(folder)) & stat.S_IWGRP)
