"""How a command without Hydra ends before its time: by a status and a line that says how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from darts_pl.commands.explain import can_go_on, explain
from darts_pl.commands.output import OutputClosed
from darts_pl.errors import DartsError

USER_ERROR, INTERRUPTED = 2, 130


class Stopped(Exception):
    """A command that came to no end of its own: its exit status and what is to be said."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


@contextmanager
def resumable_by(command: str, folder: Path) -> Iterator[None]:
    """Around work in `folder` that is gone on with by `command`.

    Raises:
        Stopped: after Ctrl-C, a standard output that was closed, or a file that cannot be written.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise Stopped(INTERRUPTED, f"stopped; continue with: {command}") from error
    except OutputClosed as error:
        raise Stopped(USER_ERROR, f"{error.code}; continue with: {command}") from error
    except (OSError, DartsError) as error:
        if not can_go_on(error, folder):
            raise
        told = f"error: {explain(error, composing=False)}\nthen continue with: {command}"
        raise Stopped(USER_ERROR, told) from error
