"""What commands say, a line each, and standard output and error that cannot take it, because somebody closed them."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from rich import get_console

PREFIXES = {logging.WARNING: "warning: ", logging.ERROR: "error: ", logging.CRITICAL: "error: "}
WITHOUT_OUTPUT = "standard output is closed: nothing is shown, what is found lies in the run's folder"


class ConsoleHandler(logging.Handler):
    """Prints records through rich's console, so that lines and progress bars share the terminal. Lines are not broken:
    a terminal does it where it must, a file keeps them whole."""

    def __init__(self, level: int = logging.NOTSET):
        super().__init__(level)
        self.setFormatter(logging.Formatter("%(asctime)s %(word)s%(message)s", datefmt="%H:%M:%S"))

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; what is no news begins with what it is."""
        record.word = PREFIXES.get(record.levelno, "")
        return super().format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record. An output that cannot be written is an error of the command, not one to be passed over."""
        get_console().print(self.format(record), soft_wrap=True, markup=False, highlight=False, emoji=False)


class OutputClosed(SystemExit):
    """Standard output takes no more, as under `| head -1` or on a full disk: `code` says so in words. It leaves as
    Ctrl-C does, through whatever makes a message of an `Exception`."""

    code: str


class _Checked:
    """A stream on which a failure to write ends the command, or is passed over.

    Args:
        failure: raised in the place of the system's error; None goes on without the stream.
    """

    def __init__(self, stream: TextIO, failure: type[BaseException] | None):
        self._stream, self._failure = stream, failure

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._checked():
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._checked():
            self._stream.flush()

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _discard(self._stream)
            if self._failure is not None:
                raise self._failure(f"standard output cannot be written ({error.strerror})") from error


def _discard(stream: TextIO) -> None:
    """Send what the stream still holds nowhere: Python would try to write it once more at the end."""
    with suppress(OSError):  # a stream without a file of the system
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


@contextmanager
def checked_output() -> Iterator[None]:
    """Within, a standard output that is closed raises `OutputClosed`, and a standard error is done without.

    Characters that a terminal's encoding lacks are written as their numbers. Where there was no standard output from
    the start, that is told once.
    """
    before = sys.stdout, sys.stderr
    if sys.stdout is None and sys.stderr is not None:
        print(WITHOUT_OUTPUT, file=sys.stderr)
    with _stream_or_null(1, sys.stdout) as output, _stream_or_null(2, sys.stderr) as errors:
        sys.stdout, sys.stderr = _Checked(output, OutputClosed), _Checked(errors, None)
        try:
            yield
            sys.stdout.flush()
        finally:
            sys.stdout, sys.stderr = before


@contextmanager
def _stream_or_null(number: int, stream: TextIO | None) -> Iterator[TextIO]:
    """`stream`, or where there is none one that takes everything: the next file to be opened would get its number, and
    whatever a library prints."""
    if stream is not None:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        yield stream
        return
    if not _in_use(number):
        null = os.open(os.devnull, os.O_WRONLY)
        if null != number:
            os.dup2(null, number)
            os.close(null)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        yield nowhere


def _in_use(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
