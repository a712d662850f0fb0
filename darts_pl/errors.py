"""Errors that a user can mend: each names what was found, what was expected and the nearest valid choice.

Entry points print them without a traceback; anything else that escapes is a defect and keeps its traceback.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


class DartsError(Exception):
    """Base of every error caused by input: configuration, data, files or the machine."""


class ConfigError(DartsError):
    """A key, value or combination in the configuration that cannot work."""


class DataError(DartsError):
    """Data that is missing, damaged or of an unexpected form."""


class GenotypeError(DartsError):
    """A genotype that cannot be read or does not fit the space."""


class RunError(DartsError):
    """A run folder that cannot be used: another configuration, no checkpoint, not writable."""


class StorageError(RunError):
    """A file of a run that cannot be written; what was saved before is left as it was."""


class TimeUp(RunError):
    """The time that a run was given is over; what was done is kept, and the run can be gone on with."""


class TrainingError(DartsError):
    """Training that cannot go on: a loss that is not finite, memory exhausted."""


class RankLost(TrainingError):
    """The process of another device of a fit has ended; what was saved is kept, and the run can be gone on with."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """A sentence naming the choice closest to `name`, or all of them where none is close.

    >>> nearest("sep_conv_3x", ["sep_conv_3x3", "none"])
    "Did you mean 'sep_conv_3x3'?"
    """
    options = sorted(map(str, choices))
    close = difflib.get_close_matches(str(name), options, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Choose one of: {', '.join(options)}."


def known_arguments(function: Callable[P, Result]) -> Callable[P, Result]:
    """Decorator: an argument by a name that `function` does not have is a ConfigError that names the nearest."""
    parameters = [name for name in inspect.signature(function).parameters if name != "self"]

    @functools.wraps(function)
    def checked(*arguments: P.args, **named: P.kwargs) -> Result:
        for name in named:
            if name not in parameters:
                raise ConfigError(f"{function.__qualname__}: unknown argument {name!r}. {nearest(name, parameters)}")
        return function(*arguments, **named)

    return checked
