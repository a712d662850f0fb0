"""Where things lie: the configuration shipped with the package, the cache, and writing a file whole or not at all."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

ALL = 0o666  # permissions: everybody reads and writes, before the umask
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")  # .<name>.<eight characters>, see `_new_file`


def conf_dir() -> Path:
    """The folder of configuration files: inside an installed package, or beside it in a source checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "search.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no conf/search.yaml in {package} or {package.parent}: the installation is incomplete")


def cache_dir() -> Path:
    """The folder of decoded data: `$DARTS_PL_CACHE`, else the user's cache folder."""
    if given := os.environ.get("DARTS_PL_CACHE"):
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "darts_pl"


def write_atomically(path: Path | str, write: Callable[[Path], None], mode: int = ALL) -> Path:
    """Let `write` fill a temporary file beside `path`, then move it there: a reader sees the old file or the new one.

    Args:
        mode: the permissions that the file is to have, less those that the process' umask takes away.

    Raises:
        OSError: the folder cannot be written or the disk is full; the old file is left as it was.
    """
    path = Path(path)
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
