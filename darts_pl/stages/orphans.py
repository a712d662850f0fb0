"""Processes that end with the one that started them, however that ended: its work can be gone on with at once."""

import functools
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

POLL_S = 0.5
ENDS_WITH_STDIN = "DARTS_PL_ENDS_WITH_STDIN"  # set by a starter that keeps the other end of this command's stdin open


def end_with_parent() -> None:
    """End this process of multiprocessing when its parent has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # multiprocessing has started this one
    _end_after(parent.join)


@functools.cache  # once a process, however many jobs it runs
def end_with_process(pid: int) -> None:
    """End this process when the process `pid` that started it has ended; does nothing within `pid` itself."""
    if os.getppid() == pid:
        _end_after(partial(_poll_parent, pid))


def _poll_parent(pid: int) -> None:
    while os.getppid() == pid:
        time.sleep(POLL_S)


def end_with_starter() -> None:
    """End this command when the one that started it by `tied_environment` has ended."""
    if os.environ.pop(ENDS_WITH_STDIN, None) and sys.stdin is not None:
        _end_after(partial(_read_to_the_end, sys.stdin.fileno()))


def tied_environment() -> dict[str, str]:
    """The environment of a command that is to end with this process, which keeps a pipe to its standard input."""
    return {**os.environ, ENDS_WITH_STDIN: "1"}


def _read_to_the_end(handle: int) -> None:
    while os.read(handle, 4096):  # past Python's buffer, whose lock the interpreter wants at its end
        pass


def _end_after(wait: Callable[[], object]) -> None:
    def end() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
