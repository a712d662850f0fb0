"""Values of settings stand in conf/ alone: dataclasses that Python constructs take theirs from there. A field may bring
the range that `commands.check_config` holds its value to."""

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from omegaconf import MISSING, OmegaConf
from typing_extensions import dataclass_transform

from darts_pl.errors import known_arguments
from darts_pl.paths import conf_dir

Settings = TypeVar("Settings")
Item = TypeVar("Item")
LARGEST_SEED = 2**32 - 1  # scikit-learn's, which draws the stratified cuts


@dataclasses.dataclass(frozen=True)
class Range:
    """The finite numbers from `low` to `high`, or with `below` all under it."""

    low: float = 0
    high: float | None = None
    below: float | None = None

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float):
            return False
        under = (self.high is None or value <= self.high) and (self.below is None or value < self.below)
        return math.isfinite(value) and value >= self.low and under

    def __str__(self) -> str:
        if self.below is not None:
            return f"a number from {self.low} to below {self.below}"
        return f"a number of at least {self.low}" if self.high is None else f"a number from {self.low} to {self.high}"


def within(**limits: float) -> Any:
    """A field with a `Range`, by default of the numbers from 0; its value stands in conf/."""
    return dataclasses.field(default=MISSING, metadata={"range": Range(**limits)})


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
