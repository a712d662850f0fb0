"""Partial channels."""

import dataclasses
from collections.abc import Callable

from darts_pl.errors import ConfigError


def with_divisor(mixing: Callable, divisor: int) -> Callable:
    """`mixing` with another channel divisor.

    Raises:
        ConfigError: it has none.
    """
    if not hasattr(mixing, "channel_divisor"):
        raise ConfigError(f"a phase with channel_divisor={divisor} needs mixing=partial")
    return dataclasses.replace(mixing, channel_divisor=divisor)
