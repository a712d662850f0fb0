"""Ranges that a field of a schema may bring; `commands.check_config` holds its value to them."""

import math
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass(frozen=True)
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
    return field(default=MISSING, metadata={"range": Range(**limits)})


LARGEST_SEED = 2**32 - 1  # scikit-learn's, which draws the stratified cuts
