"""An exception as a message to the user, where it is one that the user can mend; how work outside Hydra ends by it."""

import errno
import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from hydra.errors import HydraException, InstantiationException
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, OmegaConfBaseException

from darts_pl.commands.composition import explain_composition, explain_key
from darts_pl.commands.output import OutputClosed
from darts_pl.errors import DartsError, RankLost, StorageError, TimeUp
from darts_pl.paths import FolderVanished, is_of_storage

USER_ERROR, INTERRUPTED, TERMINATED = 2, 130, 143  # exit statuses


def explain(
    error: BaseException, *, composing: bool, command: str | None = None, words: Sequence[str] = ()
) -> str | None:
    """The message for `error`, or None for a defect, whose traceback should be kept.

    Args:
        composing: no job had started yet, so that only Hydra and files of the user can be the cause.
        command, words: the command's name and the words of its line, where it is told how to type them.
    """
    if isinstance(error, DartsError):
        return str(error)
    if isinstance(error, InstantiationException):
        return _explain_instantiation(error)
    if composing:
        return _explain_composing(error, command, words)
    if isinstance(error, MissingMandatoryValue | InterpolationResolutionError):
        return explain_key(error)
    if isinstance(error, FolderVanished):
        return f"{error.filename}: {error.strerror}. Put it back"
    if isinstance(error, OSError) and (is_of_storage(error) or error.errno == errno.ENAMETOOLONG):
        return f"{error.filename or 'a file of the run'}: {error.strerror}"
    return None


def is_resumable(error: BaseException | None, folder: Path | str) -> bool:
    """Whether `error` is of storage, time or another process, after which what lies in `folder` is gone on with."""
    if isinstance(error, FolderVanished | RankLost | TimeUp):
        return True
    return error is not None and (isinstance(error, StorageError) or is_of_storage(error)) and Path(folder).is_dir()


def _explain_composing(error: BaseException, command: str | None, words: Sequence[str]) -> str | None:
    if isinstance(error, HydraException | OmegaConfBaseException):
        return explain_composition(error, command, words)
    if isinstance(error, yaml.YAMLError):
        return f"a configuration file is not valid YAML: {error}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OSError | ValueError):
        return str(error)
    return None


def _explain_instantiation(error: InstantiationException) -> str | None:
    """A part that could not be built: its own message, a call that does not fit, or None for a defect in it."""
    cause = error.__cause__
    if cause is None:
        return str(error)
    if isinstance(cause, InstantiationException | DartsError):
        return explain(cause, composing=False)
    if isinstance(cause, ImportError | MissingMandatoryValue | InterpolationResolutionError):
        return _first_lines(error)
    if isinstance(cause, TypeError) and _raised_by_the_call(cause):
        return f"{_full_key(error)}{cause}"
    return None


def _raised_by_the_call(error: TypeError) -> bool:
    """Whether the arguments did not fit, and not code further down: then Hydra's own frame is the last one."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "hydra" in frames[-1].filename and "instantiate" in frames[-1].filename


def _full_key(error: InstantiationException) -> str:
    found = re.search(r"full_key: (\S+)", str(error))
    return f"{found.group(1)}: " if found else ""


def _first_lines(error: BaseException) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip())


class Stopped(Exception):
    """A command without Hydra that came to no end of its own: its exit status and what is to be said."""

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
        if not is_resumable(error, folder):
            raise
        told = f"error: {explain(error, composing=False)}\nthen continue with: {command}"
        raise Stopped(USER_ERROR, told) from error
