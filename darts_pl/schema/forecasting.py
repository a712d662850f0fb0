"""`darts_pl.pipeline`: the staged search of a forecasting model, the same tree as conf/pipeline.yaml."""

from dataclasses import dataclass, field
from typing import Any

from darts_pl.errors import known_arguments
from darts_pl.schema.ranges import LARGEST_SEED, within

BASELINES = ("last value", "seasonal naive", "nlinear", "dlinear")

SERIES_MISSING = (
    "no series to forecast was named. Give a file, python -m darts_pl.pipeline data.csv=my.csv data.horizon=24, "
    "or try one at hand: python -m darts_pl.pipeline +experiment=forecast_smoke"
)


def settings(cls: type) -> type:
    """Decorator: a dataclass for which an unknown field is a ConfigError that names the nearest."""
    cls = dataclass(cls)
    cls.__init__ = known_arguments(cls.__init__)
    return cls


@settings
class DARTSSearchSpaceConfig:
    """What candidates are drawn from: each gets one of every size, some of the operations and some of the names of
    every choice."""

    modes: list[str] = field(default_factory=lambda: ["encoder_only", "encoder_decoder", "decoder_only", "mamba"])
    hidden_dims: list[int] = field(default_factory=lambda: [16, 32])
    layers: list[int] = field(default_factory=lambda: [1, 2])
    num_nodes: list[int] = field(default_factory=lambda: [1, 2])
    imports: list[str] = field(default_factory=list)  # modules of one's own that register operations
    operations: list[str] = field(default_factory=list)  # names; empty: all of `families`
    families: list[str] = field(default_factory=list)  # families of operations; empty: all
    operations_per_candidate: list[int] = field(default_factory=lambda: [3, 6])  # fewest and most
    names_per_choice: int = within(2, low=1)  # at most so many names of each choice below a candidate
    tokens: list[str] = field(default_factory=lambda: ["steps", "patches", "variates"])
    normalizations: list[str] = field(default_factory=lambda: ["revin", "last"])
    decompositions: list[str] = field(default_factory=lambda: ["none", "moving_average"])
    attentions: list[str] = field(default_factory=lambda: ["none", "full", "mamba", "bidirectional_mamba"])
    cross_attentions: list[str] = field(default_factory=lambda: ["full", "linear"])
    positions: list[str] = field(default_factory=lambda: ["none", "learned"])
    feed_forwards: list[str] = field(default_factory=lambda: ["none", "mlp"])
    shortcuts: list[str] = field(default_factory=lambda: ["none", "linear"])
    patch_lengths: list[int] = field(default_factory=lambda: [16])
    heads: int = within(2, low=1)
    dropout: float = within(0.1, below=1)


@settings
class DARTSTrainConfig:
    """One differentiable search."""

    epochs: int = within(8, low=1)  # of a search that reaches the last rung
    batch_size: int = within(32, low=1)
    max_windows: int | None = field(default=None)  # of each half of the training data; null: all
    loss: str = "mse"
    arch_learning_rate: float = within(0.01)
    arch_weight_decay: float = within(1e-3)
    model_learning_rate: float = within(1e-3)
    min_learning_rate: float = within(0.0)
    weight_decay: float = within(1e-4)
    alpha_warmup_epochs: int = within(1)
    clip_norm: float = within(5.0)
    use_bilevel_optimization: bool = True  # false: alphas on the weights' own batches


@settings
class FinalTrainConfig:
    """Training derived networks from fresh weights, and what they are compared with."""

    epochs: int = within(20, low=1)
    batch_size: int = within(32, low=1)
    loss: str = "mse"
    learning_rate: float = within(1e-3)
    min_learning_rate: float = within(0.0)
    weight_decay: float = within(1e-4)
    clip_norm: float = within(5.0)
    patience: int = within(5)  # epochs without a better validation before the training ends; 0: never
    average: float = within(0.0, below=1)  # decay of the weights' moving average; 0: none
    random_architectures: int = within(3)
    baselines: list[str] = field(default_factory=lambda: [*BASELINES])
    baseline_epochs: int = within(20, low=1)
    baseline_loss: str = "mse"  # whatever the networks' loss, as published
    baseline_learning_rate: float = within(5e-3)


@settings
class MultiFidelitySearchConfig:
    """How many candidates get how much: all a screening, the best a search, the survivors a training each."""

    num_candidates: int = within(24, low=1)
    proxies: list[str] = field(default_factory=lambda: ["params", "naswot", "synflow", "jacob_cov", "zico", "swap"])
    scheme: str = "equal"  # how the proxies weigh in the score
    repeats: int = within(3, low=1)
    num_batches: int = within(2, low=1)  # ZiCo needs two
    max_samples: int = within(64, low=1)  # windows in all that a proxy sees
    top_k: int = within(4, low=1)
    rungs: int = within(2, low=1)  # of successive halving
    eta: int = within(2, low=2)  # one in so many survives a rung, whose searches are so many times as long
    choice_epochs: int = within(5, low=1)
    max_workers: int | None = field(default=None)  # processes; null: one a CPU core
    candidate_timeout_s: float = within(1800.0, low=0.1)  # for one stage of one candidate
    collect_stats: bool = True


@settings
class AblationSearchConfig:
    """Weighting schemes of the proxies, compared on the candidates of the run."""

    schemes: list[str] = field(default_factory=lambda: ["equal", "params"])
    n_random: int = within(0)  # further schemes, drawn around `multi_fidelity.scheme`
    random_sigma: float = within(0.5)


@settings
class RobustPoolSearchConfig:
    """Whether the promoted candidates depend on which operations were at hand. `pools=0` leaves it out."""

    pools: int = within(0)
    pool_size: int = within(6, low=1)  # operations in a pool
    num_candidates: int = within(8, low=1)  # of the run's candidates, drawn again from each pool


@settings
class DARTSConfig:
    """`python -m darts_pl.pipeline`."""

    name: str = "forecast"
    seed: int = within(0, high=LARGEST_SEED)
    resume: str | None = None
    trust: bool = False
    checkpoint_every_s: float = within(30.0)
    space: DARTSSearchSpaceConfig = field(default_factory=DARTSSearchSpaceConfig)
    train: DARTSTrainConfig = field(default_factory=DARTSTrainConfig)
    final: FinalTrainConfig = field(default_factory=FinalTrainConfig)
    multi_fidelity: MultiFidelitySearchConfig = field(default_factory=MultiFidelitySearchConfig)
    ablation: AblationSearchConfig = field(default_factory=AblationSearchConfig)
    robust_pool: RobustPoolSearchConfig = field(default_factory=RobustPoolSearchConfig)
    weights_optimizer: dict[str, Any] = field(default_factory=dict)
    alphas_optimizer: dict[str, Any] = field(default_factory=dict)
    final_optimizer: dict[str, Any] = field(default_factory=dict)
    relaxation: dict[str, Any] = field(default_factory=dict)
    mixing: dict[str, Any] = field(default_factory=dict)
    hypergradient: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    derivation: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict, metadata={"missing": SERIES_MISSING})
    hardware: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
