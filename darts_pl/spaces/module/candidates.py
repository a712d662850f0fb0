"""Candidates as users give them: modules, or what builds them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch.nn as nn

from darts_pl.errors import ConfigError

Candidates = Mapping[str, nn.Module | Callable[[], nn.Module]] | Sequence[nn.Module | Callable[[], nn.Module]]


def by_name(candidates: object, where: str) -> dict[str, object]:
    """Candidates by name: of a mapping as given, of a sequence by their numbers.

    Raises:
        ConfigError: another type, fewer than two, a name that cannot name a module.
    """
    if isinstance(candidates, nn.ModuleDict):
        pairs = list(candidates.items())
    elif isinstance(candidates, Mapping):
        pairs = [(str(name), each) for name, each in candidates.items()]
    elif isinstance(candidates, (list, tuple, nn.ModuleList)):
        pairs = [(str(number), each) for number, each in enumerate(candidates)]
    else:
        raise ConfigError(f"{where}: found {candidates!r}, expected a dict or a list of modules or of what builds them")
    if len(pairs) < 2:
        raise ConfigError(f"{where}: found {len(pairs)} candidates, expected at least two to choose from")
    return {check_name(name, where): each for name, each in pairs}


def module_of(candidate: object, where: str, *arguments: Any) -> nn.Module:
    """A module as given, or what a builder returns for `arguments`.

    Raises:
        ConfigError: neither.
    """
    module = candidate
    if not isinstance(candidate, nn.Module) and callable(candidate):
        try:
            module = candidate(*arguments)
        except TypeError as error:  # most often a class that wants arguments
            raise ConfigError(
                f"{where}: could not be built: {error}. Give what builds it, such as lambda: ..."
            ) from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{where}: found {module!r}, expected a module, or a function or class that builds one")
    return module


def check_name(name: str, where: str) -> str:
    """`name`; raises ConfigError where it cannot name a module of a `ModuleDict`."""
    if not name or "." in name or hasattr(nn.ModuleDict(), name):
        raise ConfigError(f"{where}: {name!r} cannot name a candidate: it is empty, has a dot or names part of torch")
    return name
