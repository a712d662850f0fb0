"""Values of settings stand in conf/ alone: dataclasses that Python constructs take theirs from there."""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from omegaconf import MISSING, OmegaConf
from typing_extensions import dataclass_transform

from darts_pl.errors import known_arguments
from darts_pl.paths import conf_dir

Settings = TypeVar("Settings")
Item = TypeVar("Item")


def file_values(*files: str, **groups: str) -> dict[str, Any]:
    """What files of conf/ say, a later one over those before, with interpolations resolved.

    Args:
        groups: key → the file of conf/ that stands for this group of the command's, where interpolations need it.
    """
    nodes = {key: OmegaConf.load(conf_dir() / file) for key, file in groups.items()}
    merged = OmegaConf.merge(nodes, *(OmegaConf.load(conf_dir() / file) for file in files))
    return plain_values(merged)


def plain_values(node: object, *, resolve: bool = True) -> dict[str, Any]:
    """A mapping of OmegaConf's, also one that Hydra's types call by its schema, as plain dictionaries and lists.

    Args:
        resolve: interpolations; else they stay as they are written, `${...}`.

    Raises:
        TypeError: `node` is no mapping. OmegaConfBaseException: an interpolation that cannot be resolved.
    """
    found = OmegaConf.to_container(node, resolve=resolve)
    if not isinstance(found, dict):
        raise TypeError(f"found {type(found).__name__}, expected a mapping")
    return {str(key): value for key, value in found.items()}


def plain_items(node: Sequence[Item]) -> list[Item]:
    """The items of a list of OmegaConf's as they are written, `${...}` and all."""
    found = OmegaConf.to_container(node, resolve=False)
    if not isinstance(found, list):
        raise TypeError(f"found {type(found).__name__}, expected a list")
    return found


@dataclass_transform()
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
