"""`darts_pl.search` and `darts_pl.retrain`: types and ranges; every value stands in conf/."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from darts_pl.schema.values import LARGEST_SEED, within


@dataclass
class Retraining:
    """Training a derived network from fresh weights. `epochs=0` leaves it out."""

    epochs: int = within()
    batch_size: int = within(low=1)
    init_channels: int | None = within(low=1)
    layers: int | None = within(low=1)  # a space of two kinds of cell needs 3 and says so
    optimizer: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = within()
    min_learning_rate: float = within()
    momentum: float = within(below=1)
    weight_decay: float = within()
    clip_norm: float = within()
    drop_path: float = within(below=1)
    auxiliary: bool = MISSING
    auxiliary_weight: float = within()
    label_smoothing: float = within(below=1)
    cutout: int = within()
    holdout: float = within(below=1)
    average: float = within(below=1)
    keep_best: bool = MISSING
    patience: int = within()
    random_architecture: bool = MISSING
    linear_baseline: bool = MISSING


@dataclass
class SearchCommand:
    """`python -m darts_pl.search`."""

    name: str = MISSING
    seed: int = within(high=LARGEST_SEED)
    resume: str | None = MISSING
    trust: bool = MISSING
    engine: str = MISSING
    epochs: int = within(low=1)
    batch_size: int = within(low=1)
    learning_rate: float = within()
    min_learning_rate: float = within()
    momentum: float = within(below=1)
    weight_decay: float = within()
    arch_learning_rate: float = within()
    arch_weight_decay: float = within()
    alpha_warmup_epochs: int = within()
    clip_norm: float = within()
    checkpoint_every_s: float = within()
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
    guards: bool = MISSING
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
    seed: int = within(high=LARGEST_SEED)
    resume: str | None = MISSING
    trust: bool = MISSING
    engine: str = MISSING
    checkpoint_every_s: float = within()
    space: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
    retraining: Retraining = field(default_factory=Retraining)
