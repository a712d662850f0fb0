"""One command at a time in a folder: a lock of the operating system, gone with its process however that ends.

The lock lies in the file `.lock` of the folder. What is left of it after `kill -9` or a power cut is no obstacle: the
file says who held the lock, the operating system whether it is held.
"""

import datetime
import errno
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from darts_pl.errors import RunError
from darts_pl.paths import never_recreated

log = logging.getLogger("darts_pl")

LOCK = ".lock"
NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP})  # some network file systems
FIRST_BYTE = 1  # Windows lets nobody read the byte that is locked


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other command out of `folder`, which is made where there is none, and let this process not make it
    anew should it vanish.

    A process that is forked within has no part in the lock, so that it does not outlive the one that took it.

    Raises:
        RunError: another command writes there (the message names its process); the folder cannot be written.
    """
    folder = Path(folder)
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_hold(folder))
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunError(f"the folder {folder} cannot be written: {reason}. Choose another, or mend it.") from error
        stack.enter_context(never_recreated(folder))
        yield


def check_free(folder: Path) -> None:
    """Raises RunError where a command writes to `folder`, without writing there."""
    lock = _lock(folder)
    try:
        if not (folder / LOCK).is_file():
            return
        lock.acquire()
    except Timeout as error:
        raise _refusal(folder) from error
    except OSError as error:  # what this process cannot lock it cannot write to either
        log.debug("%s: %s", folder / LOCK, error)
    else:
        lock.release()


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    taken: list[os.stat_result] = []

    def sign(handle: int) -> None:
        os.truncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, b" " * FIRST_BYTE + json.dumps(_holder()).encode())
        taken.append(os.fstat(handle))

    lock = _lock(folder, on_acquired=sign)
    try:
        lock.acquire()
    except Timeout as error:
        raise _refusal(folder) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        log.warning("%s lies on a file system without locks: a second command there would not be noticed", folder)
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):  # a folder that vanished, or another that came in its place
            if os.path.samestat((folder / LOCK).stat(), taken[0]):
                (folder / LOCK).unlink()
        lock.release()


def _lock(folder: Path, on_acquired: Callable[[int], None] | None = None) -> FileLock:
    path = str(folder.absolute() / LOCK)
    return FileLock(path, blocking=False, thread_local=False, fallback_to_soft=False, on_acquired=on_acquired)


def _holder() -> dict[str, str | int]:
    since = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "since": since}


def _refusal(folder: Path) -> RunError:
    return RunError(
        f"{folder} is being written to by {_describe_holder(folder)}. Wait until it ends, or stop it; then try again. "
        "Nothing was changed."
    )


def _describe_holder(folder: Path) -> str:
    """The process that signed the lock of `folder`, in words."""
    try:
        with (folder / LOCK).open("rb") as stream:
            stream.seek(FIRST_BYTE)
            found = json.loads(stream.read(10_000))
        return f"process {found['process']} on {found['host']} since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which cannot be told"
