"""Values of settings stand in conf/ alone: dataclasses that Python constructs take theirs from there."""

import copy
import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from omegaconf import MISSING, OmegaConf

from darts_pl.errors import known_arguments
from darts_pl.paths import conf_dir

Settings = TypeVar("Settings")


def file_values(*files: str, **groups: str) -> dict[str, Any]:
    """What files of conf/ say, a later one over those before, with interpolations resolved.

    Args:
        groups: key → the file of conf/ that stands for this group of the command's, where interpolations need it.
    """
    nodes = {key: OmegaConf.load(conf_dir() / file) for key, file in groups.items()}
    merged = OmegaConf.merge(nodes, *(OmegaConf.load(conf_dir() / file) for file in files))
    found = OmegaConf.to_container(merged, resolve=True)
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def settings(values: Mapping[str, Any]) -> Callable[[type[Settings]], type[Settings]]:
    """Decorator: a dataclass whose fields that are `MISSING` have these values, and for which an unknown field is a
    ConfigError that names the nearest.

    Raises:
        TypeError: a field that has a value in the code and in `values` too, or in neither.
    """

    def filled(cls: type[Settings]) -> type[Settings]:
        for name in cls.__annotations__:
            written = cls.__dict__.get(name, MISSING)
            own = written if isinstance(written, dataclasses.Field) else dataclasses.field(default=written)
            missing, empty = own.default == MISSING, own.default is dataclasses.MISSING
            if missing and name not in values:
                raise TypeError(f"{cls.__name__}.{name}: its value stands neither in the code nor in conf/")
            if name in values and not missing and not empty:
                raise TypeError(f"{cls.__name__}.{name}: its value stands in the code and in conf/")
            if missing:
                setattr(cls, name, _field(values[name], own.metadata))
        made = dataclasses.dataclass(cls)
        setattr(made, "__init__", known_arguments(made.__init__))  # noqa: B010
        return made

    return filled


def _field(value: Any, metadata: Mapping[str, Any]) -> Any:
    if isinstance(value, list | dict):
        return dataclasses.field(default_factory=partial(copy.deepcopy, value), metadata=metadata)
    return dataclasses.field(default=value, metadata=metadata)
