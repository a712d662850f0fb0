"""A process that another started ends with it, also where that one was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STARTER = """
import subprocess, sys
from darts_pl.stages.orphans import tied_environment
started = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=tied_environment(),
    start_new_session=True,
)
print(started.stdout.readline().decode(), flush=True)
sys.exit(started.wait())
"""
STARTED = """
import os, time
from darts_pl.stages import orphans
orphans.END
print(os.getpid(), flush=True)
time.sleep(SECONDS)
"""


def start(end: str, seconds: float) -> tuple[subprocess.Popen, int]:
    """(a process that started another, the number of the other, which ends after `seconds`)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", STARTER, STARTED.replace("SECONDS", str(seconds)).replace("END", end)]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    return starter, int(starter.stdout.readline())


def ends(pid: int, within: float = 10.0) -> bool:
    """Whether the process is gone, or a zombie that nobody waits for, before the time is over."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


WAYS = ["end_with_starter()", "end_with_process(os.getppid())"]


@pytest.mark.parametrize("end", WAYS)
def test_it_ends_with_its_starter(end: str) -> None:
    starter, pid = start(end, 60)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    assert ends(pid)


@pytest.mark.parametrize("end", WAYS)
def test_it_ends_by_itself_without_a_complaint(end: str) -> None:
    """The thread that waits for the starter holds no lock that the interpreter wants at its end."""
    starter, _ = start(end, 0.1)
    assert starter.wait(timeout=30) == 0
