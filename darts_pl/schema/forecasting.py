"""`darts_pl.pipeline`: the staged search of a forecasting model, the same tree as conf/pipeline.yaml, whose values it
has."""

from dataclasses import field
from typing import Any

from omegaconf import MISSING

from darts_pl.schema.values import LARGEST_SEED, file_values, settings, within

SERIES_MISSING = (
    "no series to forecast was named. Give a file, python -m darts_pl.pipeline data.csv=my.csv data.horizon=24, "
    "or try one at hand: python -m darts_pl.pipeline +experiment=forecast_smoke"
)
VALUES = file_values("pipeline.yaml", data="data/windows.yaml", hardware="hardware/auto.yaml")


@settings(VALUES["space"])
class DARTSSearchSpaceConfig:
    """What candidates are drawn from: each gets one of every size, some of the operations and some of the names of
    every choice."""

    modes: list[str] = MISSING
    hidden_dims: list[int] = MISSING
    layers: list[int] = MISSING
    num_nodes: list[int] = MISSING
    imports: list[str] = MISSING  # modules of one's own that register operations
    operations: list[str] = MISSING  # names; empty: all of `families`
    families: list[str] = MISSING  # families of operations; empty: all
    operations_per_candidate: list[int] = MISSING  # fewest and most
    names_per_choice: int = within(low=1)  # at most so many names of each choice below a candidate
    tokens: list[str] = MISSING
    normalizations: list[str] = MISSING
    decompositions: list[str] = MISSING
    attentions: list[str] = MISSING
    cross_attentions: list[str] = MISSING
    positions: list[str] = MISSING
    feed_forwards: list[str] = MISSING
    shortcuts: list[str] = MISSING
    patch_lengths: list[int] = MISSING
    heads: int = within(low=1)
    dropout: float = within(below=1)


@settings(VALUES["train"])
class DARTSTrainConfig:
    """One differentiable search."""

    epochs: int = within(low=1)  # of a search that reaches the last rung
    batch_size: int = within(low=1)
    max_windows: int | None = MISSING  # of each half of the training data; null: all
    loss: str = MISSING
    arch_learning_rate: float = within()
    arch_weight_decay: float = within()
    model_learning_rate: float = within()
    min_learning_rate: float = within()
    weight_decay: float = within()
    alpha_warmup_epochs: int = within()
    clip_norm: float = within()
    use_bilevel_optimization: bool = MISSING  # false: alphas on the weights' own batches


@settings(VALUES["final"])
class FinalTrainConfig:
    """Training derived networks from fresh weights, and what they are compared with."""

    epochs: int = within(low=1)
    batch_size: int = within(low=1)
    loss: str = MISSING
    learning_rate: float = within()
    min_learning_rate: float = within()
    weight_decay: float = within()
    clip_norm: float = within()
    patience: int = within()  # epochs without a better validation before the training ends; 0: never
    average: float = within(below=1)  # decay of the weights' moving average; 0: none
    random_architectures: int = within()
    baselines: list[str] = MISSING
    baseline_epochs: int = within(low=1)
    baseline_loss: str = MISSING  # whatever the networks' loss, as published
    baseline_learning_rate: float = within()


@settings(VALUES["multi_fidelity"])
class MultiFidelitySearchConfig:
    """How many candidates get how much: all a screening, the best a search, the survivors a training each."""

    num_candidates: int = within(low=1)
    proxies: list[str] = MISSING
    scheme: str = MISSING  # how the proxies weigh in the score
    repeats: int = within(low=1)
    num_batches: int = within(low=1)  # ZiCo needs two
    max_samples: int = within(low=1)  # windows in all that a proxy sees
    top_k: int = within(low=1)
    rungs: int = within(low=1)  # of successive halving
    eta: int = within(low=2)  # one in so many survives a rung, whose searches are so many times as long
    choice_epochs: int = within(low=1)
    max_workers: int | None = MISSING  # processes; null: one a CPU core
    candidate_timeout_s: float = within(low=0.1)  # for one stage of one candidate
    collect_stats: bool = MISSING


@settings(VALUES["ablation"])
class AblationSearchConfig:
    """Weighting schemes of the proxies, compared on the candidates of the run."""

    schemes: list[str] = MISSING
    n_random: int = within()  # further schemes, drawn around `multi_fidelity.scheme`
    random_sigma: float = within()


@settings(VALUES["robust_pool"])
class RobustPoolSearchConfig:
    """Whether the promoted candidates depend on which operations were at hand. `pools=0` leaves it out."""

    pools: int = within()
    pool_size: int = within(low=1)  # operations in a pool
    num_candidates: int = within(low=1)  # of the run's candidates, drawn again from each pool


@settings(VALUES)
class DARTSConfig:
    """`python -m darts_pl.pipeline`."""

    name: str = MISSING
    seed: int = within(high=LARGEST_SEED)
    resume: str | None = MISSING
    trust: bool = MISSING
    engine: str = MISSING
    checkpoint_every_s: float = within()
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
