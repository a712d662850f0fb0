"""A process that dies in native code says so: what it was doing, what to try, how to go on."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from darts_pl import last_words

PROGRAM = """
import ctypes, os, signal, sys
from darts_pl import last_words

with last_words.watched_from_outside("search"):
    last_words.note(folder="/runs/a b", torch="2.13.0")
    last_words.note(at="search: epoch 2, step 6")
    last_words.note(at="search: epoch 2, step 7")
    {ending}
"""
FAULTS = {
    "ctypes.string_at(0)": (signal.SIGSEGV, "Segmentation fault", ", in string_at ("),
    "os.abort()": (signal.SIGABRT, "Aborted", ", in <module> ("),
}


def end_of(ending: str, folder: Path) -> subprocess.CompletedProcess:
    environment = {"PYTHONPATH": ":".join(sys.path), "TMPDIR": str(folder)}
    command = [sys.executable, "-c", PROGRAM.format(ending=ending)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.parametrize("ending", FAULTS)
def test_a_fault_is_told_with_the_last_step(ending, tmp_path):
    number, reason, place = FAULTS[ending]
    done = end_of(ending, tmp_path)
    assert done.returncode == -number
    assert done.stderr.startswith(
        f"error: the process died in native code ({reason}) at search: epoch 2, step 7{place}"
    ), done.stderr
    assert "What often helps: another version of torch" in done.stderr and "(this is 2.13.0)" in done.stderr
    assert "go on with: python -m darts_pl.search \"resume='/runs/a b'\"" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending, status", [("pass", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -9)])
def test_other_ends_are_not_told(ending, status, tmp_path):
    done = end_of(ending, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")
    assert not list(tmp_path.iterdir())


def test_an_error_of_python_keeps_its_traceback(tmp_path):
    done = end_of("raise KeyError('x')", tmp_path)
    assert done.returncode == 1 and done.stderr.rstrip().endswith("KeyError: 'x'")
    assert "native" not in done.stderr


def test_a_full_temporary_folder_stops_nothing(tmp_path):
    program = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n" + PROGRAM.format(ending="pass")
    environment = {"PYTHONPATH": ":".join(sys.path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0 and "would not be told: [Errno " in done.stderr, done.stderr


def test_words_of_no_process(tmp_path):
    assert last_words.read(tmp_path / "nobody") is None
    (tmp_path / "1.words").write_bytes(b"{" + b" " * (last_words.ROOM - 1) + b"Fatal Python error: Bus error\n\n")
    (tmp_path / "2.words").write_bytes(b" " * last_words.ROOM)
    assert last_words.read_all(tmp_path) == [last_words.LastWords("Bus error", None, {})]


@pytest.mark.parametrize(
    "status, words",
    [
        (7, "ended with exit status 7"),
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-signal.SIGKILL, "was ended by SIGKILL, often the system's answer to exhausted memory"),
        (-250, "was ended by signal 250"),
    ],
)
def test_exit_statuses_in_words(status, words):
    assert last_words.describe_exit(status) == words
