"""What a process was doing when it died in native code, where Python can raise no error.

A process `keep`s its last words in a file: a note of the step that it is in, by a mapping that needs no system call,
and behind it what `faulthandler` writes on a segmentation fault, an abort and their like. Somebody else reads them:
the process that started a worker, or for a command a small process beside it, which waits for its end (this file, run
as a script with the standard library alone).
"""

import contextlib
import faulthandler
import io
import json
import logging
import mmap
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger("darts_pl")

ROOM = 4096  # bytes of the note; what faulthandler writes comes behind them
PATIENCE_S = 2.0
MOST = 1 << 16  # characters read of that
FATAL = "Fatal Python error: "
FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in (?P<function>.+)$', re.MULTILINE)
TRY = "What often helps: another version of torch, hardware.threads=1, hardware.channels_last=false"


@dataclass(frozen=True)
class LastWords:
    """What is known of a process that died in native code.

    Attributes:
        reason: in the words of Python's faulthandler, such as "Segmentation fault".
        place: the innermost line of Python, as "function (file:line)"; None where none ran.
        facts: what was noted: `at`, the step; `command` and `folder` of a run, `torch`, its version.
    """

    reason: str
    place: str | None
    facts: dict[str, str]

    def __str__(self) -> str:
        at = f" at {self.facts['at']}" if "at" in self.facts else ""
        place = f", in {self.place}" if self.place else ""
        version = f" (this is {self.facts['torch']})" if "torch" in self.facts else ""
        return f"died in native code ({self.reason}){at}{place}. {TRY}{version}"


class _Kept:
    """The present process's words."""

    file: io.FileIO | None = None
    note: mmap.mmap | None = None
    facts: dict[str, str] = {}


def keep(path: Path | str) -> None:
    """Keep this process's last words in the file `path` from now on; a full or missing disk is no reason not to run."""
    forget()
    try:
        _Kept.file = file = Path(path).open("w+b", buffering=0)  # noqa: SIM115 - open as long as the process lives
        file.write(b" " * ROOM)
        _Kept.note, _Kept.facts = mmap.mmap(file.fileno(), ROOM), {}
    except (OSError, ValueError) as error:  # the mapping of a file that is too short
        forget()
        log.warning("a death in native code would not be told: %s", error)
        return
    faulthandler.enable(file, all_threads=False)


def forget() -> None:
    """Keep no last words any more."""
    if _Kept.note is not None:
        faulthandler.disable()
        _Kept.note.close()
    if _Kept.file is not None:
        _Kept.file.close()
        _Kept.file = _Kept.note = None


def note(**facts: str) -> None:
    """Remember `facts` among the last words, where they are kept: `at="epoch 3, step 120"`."""
    if _Kept.note is None:
        return
    _Kept.facts.update(facts)
    text = json.dumps(_Kept.facts).encode()
    if len(text) <= ROOM:
        _Kept.note[:] = text.ljust(ROOM)


def read(path: Path | str) -> LastWords | None:
    """The last words in the file `path`, or None where its process did not die in native code."""
    path = Path(path)
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        noted, told = stream.read(ROOM), stream.read(MOST).decode(errors="replace")
    found = re.search(FATAL + r"(.+)", told)
    if found is None:
        return None
    frame = FRAME.search(told, found.end())
    place = f"{frame['function']} ({frame['file']}:{frame['line']})" if frame else None
    with contextlib.suppress(ValueError):
        return LastWords(found[1].strip(), place, json.loads(noted))
    return LastWords(found[1].strip(), place, {})  # it died while it noted


def words_file(folder: Path | str, pid: int) -> Path:
    """Where the worker process `pid` keeps its last words, in a folder for those of all."""
    return Path(folder) / f"{pid}.words"


def read_all(folder: Path | str) -> list[LastWords]:
    """The last words of the workers of `folder` that died in native code."""
    found = [read(path) for path in sorted(Path(folder).glob("*.words"))]
    return [words for words in found if words is not None]


def describe_exit(status: int) -> str:
    """An exit status of a process in words, as `subprocess` gives it: minus the signal's number where one ended it."""
    if status >= 0:
        return f"ended with exit status {status}"
    names = {each.value: each.name for each in signal.Signals}
    name = names.get(-status, f"signal {-status}")
    return f"was ended by {name}" + (", often the system's answer to exhausted memory" if name == "SIGKILL" else "")


@contextlib.contextmanager
def watched_from_outside(command: str) -> Iterator[None]:
    """Within this, should the process die in native code, a process beside it says so on standard error, with the last
    step, what to try and the command that goes on. Where `faulthandler` is on already, Python's own words stay."""
    if faulthandler.is_enabled():
        yield
        return
    watcher = _start_watcher()
    note(command=command)
    try:
        yield
    finally:
        forget()
        if watcher is not None and watcher.stdin is not None:
            watcher.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):  # a forked process that goes on holds the pipe too
                watcher.wait(PATIENCE_S)


def _start_watcher() -> subprocess.Popen | None:
    """The process that reads this one's last words; None where the temporary folder is full or missing, which is no
    reason not to run."""
    try:
        handle, path = tempfile.mkstemp(prefix="darts_pl-", suffix=".words")
        os.close(handle)
        keep(path)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, path], stdin=subprocess.PIPE, **_own_process_group()
        )
    except OSError as error:
        forget()
        log.warning("a death in native code would not be told: %s", error)
        return None


def _own_process_group() -> dict[str, Any]:
    """A process that Ctrl-C in the terminal does not reach."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _report_death(path: str) -> None:
    """Wait until the process that started this one has ended, then say what it died of."""
    sys.stdin.buffer.read()
    words = read(path)
    Path(path).unlink(missing_ok=True)
    if words is None:
        return
    message = f"error: the process {words}."
    if "folder" in words.facts:
        resume = f"python -m darts_pl.{words.facts['command']} \"resume='{words.facts['folder']}'\""
        message += f" What was saved is intact; go on with: {resume}"
    print(message, file=sys.stderr)


if __name__ == "__main__":
    _report_death(sys.argv[1])
