"""Where things lie: the configuration shipped with the package, the cache, and writing a file whole or not at all."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from darts_pl.errors import RunError

if TYPE_CHECKING:
    import numpy as np

# Reasons of the system's why a file cannot be written that the user can mend.
STORAGE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}
)
OS_ERROR = re.compile(r"\(os error (\d+)\)")  # how libraries written in Rust tell an error of the system
ALL = 0o666  # permissions: everybody reads and writes, before the umask
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")  # .<name>.<eight characters>, see `_new_file`


def conf_dir() -> Path:
    """The folder of configuration files: inside an installed package, or beside it in a source checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "search.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no conf/search.yaml in {package} or {package.parent}: the installation is incomplete")


def check_working_folder() -> None:
    """Raises RunError where the folder that the process works in is gone: no relative path means anything then."""
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise RunError("the working folder has vanished, deleted or moved. Change to another: cd <folder>") from error


def cache_dir() -> Path:
    """The folder of decoded data: `$DARTS_PL_CACHE`, else the user's cache folder."""
    if given := os.environ.get("DARTS_PL_CACHE"):
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "darts_pl"


def write_atomically(path: Path | str, write: Callable[[Path], object], mode: int = ALL) -> Path:
    """Let `write` fill a temporary file beside `path`, then move it there: a reader sees the old file or the new one.

    Args:
        mode: the permissions that the file is to have, less those that the process' umask takes away.

    Raises:
        OSError: the folder cannot be written, has vanished or the disk is full; the old file is left as it was, and
            the error names it.
    """
    path = Path(path)
    _check_not_vanished(path)
    with _named(path):
        return _replaced(path, write, mode)


def write_arrays_atomically(path: Path | str, arrays: "Mapping[str, np.ndarray]", mode: int = ALL) -> Path:
    """`write_atomically` of arrays by name, as an .npz file."""
    import numpy as np  # not above: commands that only look at folders do without

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:  # a name that does not end in .npz
            np.savez(stream, **arrays)  # type: ignore[arg-type]  # to the stub any name may be its `allow_pickle`

    return write_atomically(path, write, mode)


def _replaced(path: Path, write: Callable[[Path], object], mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, granted = _new_file(path, mode)
    try:
        write(temporary)
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(granted)  # some libraries write by a file of their own, for its owner only
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _new_file(path: Path, mode: int = ALL) -> tuple[Path, int]:
    """(an empty file of a random name beside `path`, its permissions). The system takes the umask off them as it makes
    the file; a process can ask for its umask only by changing it, for all its threads."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        except FileExistsError:
            continue
        try:
            return temporary, stat.S_IMODE(os.fstat(handle).st_mode)
        finally:
            os.close(handle)


def mode_of_new_files(folder: Path) -> int:
    """The permissions that a file made now in `folder` has: those for all to read and write, less the umask.

    Raises:
        OSError: the folder cannot be written.
    """
    made, granted = _new_file(folder / "new")
    made.unlink()
    return granted


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Give an error of the system the name of the file, which most do not have, or have of the temporary one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    except Exception as error:
        if found := OS_ERROR.search(str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error
        raise


class FolderVanished(FileNotFoundError):
    """A folder that this process was writing to is not there any more: deleted, moved, or its disk is gone."""


def is_of_storage(error: BaseException) -> bool:
    """Whether `error` says that a file cannot be written, and would be raised for the next file too."""
    return isinstance(error, FolderVanished) or (isinstance(error, OSError) and error.errno in STORAGE)


VANISHED = "the folder has vanished while it was written to"
_kept: list[Path] = []


@contextmanager
def never_recreated(folder: Path) -> Iterator[None]:
    """While this lasts, writing into `folder` fails once it has vanished. Made anew it would hold the end of a run
    without its beginning.

    Raises:
        FolderVanished: for any file that is not found because of that.
    """
    folder = folder.absolute()
    _kept.append(folder)
    try:
        yield
    except FileNotFoundError as error:
        if isinstance(error, FolderVanished) or folder.is_dir():
            raise
        raise FolderVanished(errno.ENOENT, VANISHED, str(folder)) from error
    finally:
        _kept.remove(folder)


def _check_not_vanished(path: Path) -> None:
    for folder in _kept:
        if path.absolute().is_relative_to(folder) and not folder.is_dir():
            raise FolderVanished(errno.ENOENT, VANISHED, str(folder))


def sync_folder(folder: Path) -> None:
    """Bring the names in `folder` to the disk, without which a renamed file may lie under its old name after a power
    cut. Does nothing where the system or the file system cannot."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # some network file systems
            raise
    finally:
        os.close(handle)


def remove_temporaries(folder: Path) -> None:
    """Remove what `write_atomically` left in `folder` when its process was killed; nothing else may write there."""
    for path in folder.glob(".*.*"):
        if TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink()


def write_text_atomically(path: Path | str, text: str) -> Path:
    """`write_atomically` for a text in UTF-8."""
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def leads_out(path: Path | str, folder: Path | str) -> bool:
    """Whether `path`, all links on the way followed, lies elsewhere than in `folder`."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def strange_entries(folder: Path) -> Iterator[str]:
    """What in `folder` is no plain file or folder of its own, in words: links that lead out of it, pipes, devices."""
    for above, folders, files in os.walk(folder):
        for path in (Path(above, name) for name in sorted((*folders, *files))):
            if path.is_symlink():
                if leads_out(path, folder):
                    yield f"{path.relative_to(folder)} is a link to {path.readlink()}, out of the folder"
            elif not path.is_dir() and not path.is_file():
                yield f"{path.relative_to(folder)} is neither a file nor a folder"
