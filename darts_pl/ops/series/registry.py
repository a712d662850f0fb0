"""The table of series operations, name → builder: how operations enter it and how one is built from it.

An operation maps tokens (B, V, N, D) onto the same shape: B samples, V series side by side, N tokens along time, D
values a token. Its name is written into genotypes and outlives the code.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch.nn as nn

from darts_pl.errors import ConfigError, nearest
from darts_pl.ops.series.shapes import TokenGrid

Builder = Callable[[TokenGrid], nn.Module]
Registered = TypeVar("Registered", bound=Builder)

OPERATIONS: dict[str, Builder] = {}
FAMILIES: dict[str, tuple[str, ...]] = {}

SMALLEST_DIM = 4
RESERVED = ("none",)  # the space's own: no connection


def register(name: str, family: str) -> Callable[[Registered], Registered]:
    """Decorator that enters a builder, or a module class taking a `TokenGrid`, into `OPERATIONS` and `FAMILIES`.

    >>> @register("my_smoothing", family="convolution")
    ... class Smoothing(nn.Module):
    ...     def __init__(self, grid: TokenGrid): ...

    Raises:
        ConfigError: `name` is taken or reserved, or cannot name a module: it must be a Python identifier.
    """
    if name in OPERATIONS or name in RESERVED:
        holder = "the space itself" if name in RESERVED else _describe(OPERATIONS[name])
        raise ConfigError(
            f"operation {name!r} is already registered, by {holder}. Genotypes refer to operations by name: "
            "choose another name, or give the space a table of your own instead of registering"
        )
    if not (isinstance(name, str) and name.isidentifier()):
        raise ConfigError(
            f"operation name {name!r}: expected letters, digits and underscores, not starting with a digit, "
            "as it names a module and a value in genotype files"
        )

    def enter(builder: Registered) -> Registered:
        OPERATIONS[name] = builder
        FAMILIES[family] = (*FAMILIES.get(family, ()), name)
        return builder

    return enter


def build(name: str, grid: TokenGrid, operations: Mapping[str, Builder] = OPERATIONS) -> nn.Module:
    """Build the operation `name` of the table `operations` for the tokens of `grid`.

    Raises:
        ConfigError: `name` is not in the table; or the tokens are narrower than 4 values, below which normalising over
            them leaves next to nothing.
    """
    if name not in operations:
        raise ConfigError(f"operation {name!r} is not a known operation. {nearest(name, operations)}")
    if grid.dim < SMALLEST_DIM:
        raise ConfigError(f"operation {name!r} on tokens of {grid.dim} values: expected hidden_dim >= {SMALLEST_DIM}")
    return operations[name](grid)


def _describe(builder: Builder) -> str:
    return f"{builder.__module__}.{builder.__qualname__}" if hasattr(builder, "__qualname__") else repr(builder)
