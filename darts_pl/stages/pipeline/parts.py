"""What the stages build, measure and train candidates with; made anew in every worker process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from darts_pl.data.series import WindowDataModule
from darts_pl.hardware import Hardware
from darts_pl.lit import RetrainModule, SearchModule
from darts_pl.lit.rule_steps import Batch
from darts_pl.relaxations import Relaxation
from darts_pl.relaxations.mixing import MixingFunction
from darts_pl.spaces.series import SeriesSpace
from darts_pl.stages.method import Method
from darts_pl.stages.trainer import TrainerSettings


@dataclass(frozen=True)
class PipelineParts:
    """The parts of a run.

    Args:
        seed: the run's.
        make_space: of the settings of a candidate.
        search_data, final_data, baseline_data: make prepared data for searching, for training derived networks, and
            for training the linear baselines (which may have another loss); each call gives loaders at their beginning.
        relaxation, mixing: of the supernets. method: space → search method.
        search_epochs: of a search that reaches the last rung.
        make_module: `(network, task=, epochs=) -> RetrainModule` for derived networks; make_baseline_module: the same
            for the linear baselines.
    """

    seed: int
    hardware: Hardware
    trainer: TrainerSettings
    make_space: Callable[[Mapping[str, Any]], SeriesSpace]
    search_data: Callable[[], WindowDataModule]
    final_data: Callable[[], WindowDataModule]
    baseline_data: Callable[[], WindowDataModule]
    relaxation: Relaxation
    mixing: MixingFunction
    method: Callable[[SeriesSpace], Method]
    search_epochs: int
    make_module: Callable[..., RetrainModule]
    make_baseline_module: Callable[..., RetrainModule]


PartsFactory = Callable[[], PipelineParts]
"""Makes the parts; crosses to worker processes, so it is a function of a module with plain arguments."""


class SingleLevelModule(SearchModule):
    """A `SearchModule` whose alphas see the batch of the weights' half; the other half validates only: the search
    without its upper level, as an ablation (arXiv:1806.09055, section 3.3, found it to be worse than the bilevel
    one)."""

    def training_step(self, batch: dict[str, Batch], batch_idx: int) -> None:
        """One step of the alphas, then one of the weights, on the same batch."""
        super().training_step({"weights": batch["weights"], "alphas": batch["weights"]}, batch_idx)
