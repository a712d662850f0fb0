"""The shape of the commands' configurations: types that reject a wrong value or a misspelt key at composition, and
ranges that `commands.check_config` holds values to.

Values live in conf/. Nodes with a `_target_` stay dictionaries: the constructor they name is their schema.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass(frozen=True)
class Range:
    """The finite numbers from `low` to `high`, or with `below` all under it."""

    low: float = 0
    high: float | None = None
    below: float | None = None

    def __contains__(self, value: float) -> bool:
        under = (self.high is None or value <= self.high) and (self.below is None or value < self.below)
        return math.isfinite(value) and value >= self.low and under

    def __str__(self) -> str:
        if self.below is not None:
            return f"a number from {self.low} to below {self.below}"
        return f"a number of at least {self.low}" if self.high is None else f"a number from {self.low} to {self.high}"


def within(default: float, **limits: float) -> Any:
    """A field with a `Range`, by default of the numbers from 0."""
    return field(default=default, metadata={"range": Range(**limits)})


LARGEST_SEED = 2**32 - 1  # scikit-learn's, which draws the stratified cuts


@dataclass
class Retraining:
    """Training a derived network from fresh weights. `epochs=0` leaves it out."""

    epochs: int = within(0)
    batch_size: int = within(96, low=1)
    init_channels: int = within(36, low=1)
    layers: int = within(20, low=1)  # a space of two kinds of cell needs 3 and says so
    learning_rate: float = within(0.025)
    min_learning_rate: float = within(0.0)
    momentum: float = within(0.9, below=1)
    weight_decay: float = within(3e-4)
    clip_norm: float = within(5.0)
    drop_path: float = within(0.2, below=1)
    auxiliary: bool = True
    auxiliary_weight: float = within(0.4)
    label_smoothing: float = within(0.0, below=1)
    cutout: int = within(16)
    holdout: float = within(0.0, below=1)
    random_architecture: bool = False
    linear_baseline: bool = False


@dataclass
class SearchCommand:
    """`python -m darts_pl.search`."""

    name: str = MISSING
    seed: int = within(0, high=LARGEST_SEED)
    resume: str | None = None
    epochs: int = within(50, low=1)
    batch_size: int = within(64, low=1)
    learning_rate: float = within(0.025)
    min_learning_rate: float = within(0.001)
    momentum: float = within(0.9, below=1)
    weight_decay: float = within(3e-4)
    arch_learning_rate: float = within(3e-4)
    arch_weight_decay: float = within(1e-3)
    alpha_warmup_epochs: int = within(0)
    clip_norm: float = within(5.0)
    checkpoint_every_s: float = within(30.0)
    weights_optimizer: dict[str, Any] = field(default_factory=dict)
    alphas_optimizer: dict[str, Any] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
    relaxation: dict[str, Any] = field(default_factory=dict)
    mixing: dict[str, Any] = field(default_factory=dict)
    hypergradient: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    phases: list[Any] = field(default_factory=list)
    derivation: dict[str, Any] = field(default_factory=dict)
    selection: dict[str, Any] = field(default_factory=dict)
    guards: bool = True
    data: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    retraining: Retraining = field(default_factory=Retraining)


@dataclass
class RetrainCommand:
    """`python -m darts_pl.retrain`."""

    genotype: str = MISSING
    name: str = MISSING
    seed: int = within(0, high=LARGEST_SEED)
    resume: str | None = None
    checkpoint_every_s: float = within(30.0)
    space: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    retraining: Retraining = field(default_factory=Retraining)


def register() -> None:
    """Make the schemas known to Hydra under the names that conf/ lists first in its defaults."""
    store = ConfigStore.instance()
    store.store(name="search_schema", node=SearchCommand)
    store.store(name="retrain_schema", node=RetrainCommand)
