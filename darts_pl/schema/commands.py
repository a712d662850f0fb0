"""`darts_pl.search` and `darts_pl.retrain`."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from darts_pl.schema.ranges import LARGEST_SEED, within


@dataclass
class Retraining:
    """Training a derived network from fresh weights. `epochs=0` leaves it out."""

    epochs: int = within(0)
    batch_size: int = within(96, low=1)
    init_channels: int | None = within(36, low=1)
    layers: int | None = within(20, low=1)  # a space of two kinds of cell needs 3 and says so
    optimizer: dict[str, Any] = field(default_factory=dict)
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
    average: float = within(0.0, below=1)
    keep_best: bool = False
    patience: int = within(0)
    random_architecture: bool = False
    linear_baseline: bool = False


@dataclass
class SearchCommand:
    """`python -m darts_pl.search`."""

    name: str = MISSING
    seed: int = within(0, high=LARGEST_SEED)
    resume: str | None = None
    trust: bool = False
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
    task: dict[str, Any] = field(default_factory=dict)
    guards: bool = True
    data: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
    retraining: Retraining = field(default_factory=Retraining)


@dataclass
class RetrainCommand:
    """`python -m darts_pl.retrain`."""

    genotype: str = MISSING
    name: str = MISSING
    seed: int = within(0, high=LARGEST_SEED)
    resume: str | None = None
    trust: bool = False
    checkpoint_every_s: float = within(30.0)
    space: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
    retraining: Retraining = field(default_factory=Retraining)
