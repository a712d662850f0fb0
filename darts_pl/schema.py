"""The shape of the commands' configurations: types that reject a wrong value or a misspelt key at composition.

Values live in conf/. Nodes with a `_target_` stay dictionaries: the constructor they name is their schema.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass
class Retraining:
    """Training a derived network from fresh weights. `epochs=0` leaves it out."""

    epochs: int = 0
    batch_size: int = 96
    init_channels: int = 36
    layers: int = 20
    learning_rate: float = 0.025
    min_learning_rate: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip_norm: float = 5.0
    drop_path: float = 0.2
    auxiliary: bool = True
    auxiliary_weight: float = 0.4
    label_smoothing: float = 0.0
    cutout: int = 16
    holdout: float = 0.0
    random_architecture: bool = False
    linear_baseline: bool = False


@dataclass
class SearchCommand:
    """`python -m darts_pl.search`."""

    name: str = MISSING
    seed: int = 0
    resume: str | None = None
    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 0.025
    min_learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    arch_learning_rate: float = 3e-4
    arch_weight_decay: float = 1e-3
    alpha_warmup_epochs: int = 0
    clip_norm: float = 5.0
    checkpoint_every_s: float = 30.0
    weights_optimizer: dict[str, Any] = field(default_factory=dict)
    alphas_optimizer: dict[str, Any] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
    relaxation: dict[str, Any] = field(default_factory=dict)
    mixing: dict[str, Any] = field(default_factory=dict)
    hypergradient: dict[str, Any] = field(default_factory=dict)
    derivation: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    retraining: Retraining = field(default_factory=Retraining)


@dataclass
class RetrainCommand:
    """`python -m darts_pl.retrain`."""

    genotype: str = MISSING
    name: str = MISSING
    seed: int = 0
    resume: str | None = None
    checkpoint_every_s: float = 30.0
    space: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    retraining: Retraining = field(default_factory=Retraining)


def register() -> None:
    """Make the schemas known to Hydra under the names that conf/ lists first in its defaults."""
    store = ConfigStore.instance()
    store.store(name="search_schema", node=SearchCommand)
    store.store(name="retrain_schema", node=RetrainCommand)
