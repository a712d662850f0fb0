"""Commands whose standard output or disk takes no more: a message with the way on, no traceback."""

import errno
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_frame import begin_run, told

from darts_pl.callbacks import without_thread_tracebacks
from darts_pl.commands import run_command
from darts_pl.commands.explain import Stopped, resumable_by
from darts_pl.commands.output import OutputClosed, checked_output
from darts_pl.errors import RunError, StorageError
from darts_pl.stages.lock import locked
from darts_pl.stages.log_file import LogFile


@contextmanager
def broken_pipe() -> Iterator[io.TextIOWrapper]:
    """A standard output whose reader has gone, as under `| head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    yield stream
    stream.close()  # the pipe's end was replaced, so that nothing is raised here


@contextmanager
def full_device() -> Iterator[io.TextIOWrapper]:
    stream = Path("/dev/full").open("w")  # noqa: SIM115
    yield stream
    stream.close()


@pytest.mark.parametrize(("output", "reason"), [(broken_pipe, "Broken pipe"), (full_device, "No space left on device")])
def test_a_closed_output_ends_the_command_with_the_way_on(output, reason, conf, capsys, monkeypatch):
    went_on = []

    def task(cfg) -> None:
        begin_run()
        print("a line", flush=True)
        went_on.append(cfg)

    with output() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert run_command(task, "search", ["seed=3"], conf) == 2
    folder = Path.cwd() / "outputs" / "run"
    resume = f"continue with: python -m darts_pl.search seed=3 resume={folder}"
    assert told(capsys) == f"standard output cannot be written ({reason}); {resume}\n"
    assert not went_on


def test_what_is_printed_last_is_missed_too(conf, capsys, monkeypatch):
    """A pipe is written to in blocks: the closing lines leave only when all is done."""
    with broken_pipe() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert run_command(lambda cfg: (begin_run(), print("the closing lines")), "search", [], conf) == 2
    assert "standard output cannot be written (Broken pipe); continue with: " in told(capsys)


def test_a_handler_of_logging_does_not_swallow_it() -> None:
    logger = logging.getLogger("test_command_output")
    with broken_pipe() as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with pytest.raises(OutputClosed), checked_output():
            logger.addHandler(logging.StreamHandler(sys.stdout))
            try:
                logger.error("a line")
            finally:
                logger.handlers.clear()


def test_without_an_output_from_the_start_the_command_runs(conf, capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "stdout", None)
    assert run_command(lambda cfg: (print("a line"), seen.append(cfg)), "search", [], conf) == 0
    assert seen and sys.stdout is None
    assert "standard output is closed: nothing is shown" in told(capsys)


def test_a_terminal_without_the_characters_gets_their_numbers(monkeypatch) -> None:
    """As under LC_ALL=C PYTHONUTF8=0."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with checked_output():
        print("91.2 ± 0.3")
    assert stream.buffer.getvalue() == b"91.2 \\xb1 0.3\n"


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device", "history.csv"), StorageError("history.csv: no room")],
)
def test_a_full_disk_tells_the_file_and_the_way_on(error: Exception, conf, capsys):
    def task(cfg) -> None:
        raise error

    assert run_command(task, "search", ["seed=3"], conf) == 2
    message = told(capsys)
    assert "history.csv: " in message
    assert message.endswith(f"then continue with: python -m darts_pl.search seed=3 resume={Path.cwd()}/outputs/run\n")


def test_other_errors_advise_no_resuming(conf, capsys):
    def task(cfg) -> None:
        raise RunError("another configuration")

    assert run_command(task, "search", [], conf) == 2
    assert "continue" not in told(capsys)


def test_a_vanished_folder_tells_the_way_on(conf, capsys):
    def task(cfg) -> None:
        (Path("outputs") / "run").rename("moved")
        (Path("outputs") / "run" / "events").open("ab")

    assert run_command(task, "search", [], conf) == 2
    message = told(capsys)
    folder = Path.cwd() / "outputs" / "run"
    assert f"{folder}: the folder has vanished while it was written to. Put it back" in message
    assert f"resume={folder}" in message and not folder.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OutputClosed("standard output cannot be written (gone)")])
def test_a_command_without_hydra_tells_the_way_on(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"; continue with: python -m x") as caught, resumable_by("python -m x", tmp_path):
        raise error
    assert caught.value.status == (130 if isinstance(error, KeyboardInterrupt) else 2)


def test_a_log_that_cannot_be_written_is_told_once(capsys: pytest.CaptureFixture) -> None:
    logger, handler = logging.getLogger("test_log"), LogFile("/dev/full")
    logger.addHandler(handler)
    for _ in range(3):
        logger.error("±")
    logger.removeHandler(handler)
    assert capsys.readouterr().err == "warning: /dev/full cannot be written: No space left on device\n"


def test_a_log_whose_folder_is_gone_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    logger, handler = logging.getLogger("test_log"), LogFile(tmp_path / "gone" / "search.log")
    logger.addHandler(handler)
    logger.error("a line")
    logger.removeHandler(handler)
    assert "gone/search.log cannot be written: No such file or directory" in capsys.readouterr().err


def test_tensorboards_thread_leaves_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Its error reaches whoever writes next."""
    from torch.utils.tensorboard import SummaryWriter

    before = threading.excepthook
    run = tmp_path / "run"
    with pytest.raises(FileNotFoundError, match="vanished"), without_thread_tracebacks(), locked(run):
        writer = SummaryWriter(run / "tensorboard", flush_secs=0)
        writer.flush()
        run.rename(tmp_path / "moved")
        for step in range(1000):
            writer.add_scalar("x", step, step)
            writer.flush()
    assert threading.excepthook is before
    assert "Traceback" not in capsys.readouterr().err
