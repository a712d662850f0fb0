"""The lock of a folder: it names who holds it, and is gone with the process that took it, however that ended."""

import errno
import fcntl
import logging
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from darts_pl.errors import RunError
from darts_pl.paths import FolderVanished, write_text_atomically
from darts_pl.stages.lock import LOCK, check_free, locked


@contextmanager
def holder(folder: Path, also: Callable[[], None] = lambda: None) -> Iterator[int]:
    """The number of a process that holds the lock of `folder`, and has done what `also` says, until it is killed."""
    ready, told = os.pipe()
    if (pid := os.fork()) == 0:
        with locked(folder):
            also()
            os.write(told, b"1")
            time.sleep(60)
        os._exit(0)
    assert os.read(ready, 1)
    try:
        yield pid
    finally:
        kill(pid)


def kill(pid: int) -> None:
    """End a process as `kill -9` does; once is enough."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("take", [lambda folder: locked(folder).__enter__(), check_free])
def test_the_second_is_refused_and_told_who_holds_it(take: Callable, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0")
    with holder(tmp_path) as pid:
        before = files(tmp_path)
        with pytest.raises(RunError) as caught:
            take(tmp_path)
        assert files(tmp_path) == before
    told = rf"{re.escape(str(tmp_path))} is being written to by process {pid} on {re.escape(socket.gethostname())} "
    assert re.search(told + r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d", str(caught.value))


def test_a_kill_frees_it_and_what_is_left_is_no_obstacle(tmp_path: Path) -> None:
    with holder(tmp_path) as pid:
        kill(pid)
        assert (tmp_path / LOCK).is_file()
        check_free(tmp_path)
        with locked(tmp_path):
            pass
    assert not list(tmp_path.iterdir())


def test_a_forked_process_has_no_part_in_it(tmp_path: Path) -> None:
    """A worker of a data loader may outlive a command that was killed by seconds."""
    written = tmp_path / "worker"

    def fork() -> None:
        if (pid := os.fork()) == 0:
            time.sleep(60)
            os._exit(0)
        written.write_text(str(pid))

    with holder(tmp_path / "run", fork) as pid:
        kill(pid)
        os.kill(int(written.read_text()), 0)  # it lives
        try:
            check_free(tmp_path / "run")
        finally:
            os.kill(int(written.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_told_and_does(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(handle: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with caplog.at_level(logging.WARNING, "darts_pl"), locked(tmp_path):
        pass
    assert f"{tmp_path} lies on a file system without locks" in caplog.text


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "run", tmp_path / ("n" * 300)):
        with pytest.raises(RunError, match=r"cannot be written: (Not a directory|File name too long)"), locked(folder):
            pytest.fail("it was locked")


def test_a_folder_that_vanished_is_not_made_anew(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(FolderVanished, match=re.escape(str(run))), locked(run):
        run.rename(tmp_path / "moved")
        write_text_atomically(run / "checkpoints" / "point", "x")
    assert not run.exists()


def test_a_folder_that_came_in_its_place_keeps_its_lock(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with locked(run):
        run.rename(tmp_path / "moved")
        run.mkdir()
        (run / LOCK).write_text("another command's")
    assert (run / LOCK).read_text() == "another command's"


def test_a_file_that_is_not_found_for_it_is_told_as_a_vanished_folder(tmp_path: Path) -> None:
    """What TensorBoard raises, for one."""
    run = tmp_path / "run"
    with pytest.raises(FolderVanished), locked(run):
        (run / LOCK).unlink()
        run.rmdir()
        (run / "events").open("ab")
    with pytest.raises(FileNotFoundError) as caught, locked(run):
        (run / "elsewhere").read_text()
    assert not isinstance(caught.value, FolderVanished)
