"""What a search from Python is told and what it gives."""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from omegaconf import MISSING
from torch import Tensor

from darts_pl.callbacks.history import format_figures
from darts_pl.derive import Derivation
from darts_pl.genotype import AnyGenotype, Cell, Genotype
from darts_pl.lit.base import Row
from darts_pl.ops.image import Builder
from darts_pl.relaxations import Relaxation, Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import Rule
from darts_pl.schema.values import file_values, settings
from darts_pl.spaces.base import MixingFunction, Space
from darts_pl.spaces.layout import StemBuilder
from darts_pl.stages.phases import Phase
from darts_pl.stages.selection import Selection
from darts_pl.tasks import Task

SAVING = "result.genotype.save('genotype.json') keeps the genotype, result.history a row of figures an epoch."
OptimizerFactory = Callable[[Iterable[Tensor]], torch.optim.Optimizer]


_PAPER = file_values(
    "space/cells.yaml", "search.yaml", "experiment/cifar_first_order.yaml", hardware="hardware/auto.yaml"
)
_BETAS = {"arch_betas": tuple(_PAPER["alphas_optimizer"]["betas"])}


@settings({**_PAPER, **_BETAS})
class SearchConfig:
    """Settings of `search_architecture`; the defaults are the paper's (arXiv:1806.09055, appendix A.1.1), those of
    `python -m darts_pl.search +experiment=cifar_first_order`.

    `batch_size` and `num_workers` apply where data sets are given instead of loaders. `use_amp` asks for mixed
    precision where the device has it, `engine` for a way to run cells, see `darts_pl.engine`. `hypergradient` is
    `first`, `finite_difference`, `exact` or `fixed` (alphas that are not trained). `relaxation`, `mixing` and `rules`
    make the method, see the packages of these names. `guards` warns in the log of a search that collapses, see
    `darts_pl.callbacks.CollapseGuards`.

    `space` takes the place of the cell space (whose settings are `layers`, `init_channels`, `num_nodes`, `primitives`,
    `operations` and `stem`): `darts_pl.ModuleSpace` of one's own network, or another of `darts_pl.spaces`. `task` says
    what is trained for, see `darts_pl.tasks`; None: by the targets. `weights_optimizer`, `parameters -> optimiser`,
    takes the place of SGD with `momentum`.
    """

    epochs: int = MISSING
    batch_size: int = MISSING
    layers: int = MISSING
    init_channels: int = MISSING
    num_nodes: int = MISSING
    num_classes: int | None = None
    learning_rate: float = MISSING
    min_learning_rate: float = MISSING
    momentum: float = MISSING
    weight_decay: float = MISSING
    arch_learning_rate: float = MISSING
    arch_weight_decay: float = MISSING
    arch_betas: tuple[float, float] = MISSING
    alpha_warmup_epochs: int = MISSING
    clip_norm: float = MISSING
    hypergradient: str = "first"
    primitives: Sequence[str] = MISSING
    operations: Mapping[str, Builder] | None = MISSING
    relaxation: Relaxation = field(default_factory=Softmax)
    mixing: MixingFunction = full
    rules: Sequence[Rule] = ()
    derivation: Derivation | None = None
    phases: Sequence[Phase] = ()
    selection: Selection | None = None
    guards: bool = MISSING
    stem: str | StemBuilder = MISSING
    space: Space | None = None
    task: Task | None = None
    weights_optimizer: OptimizerFactory | None = None
    num_workers: int = 0
    use_amp: bool = False
    engine: str = MISSING
    seed: int = MISSING


@dataclass(frozen=True, repr=False)
class SearchResult:
    """What a search found; printed, it tells so in words.

    Attributes:
        genotype: the genotype of the epoch best in validation (by accuracy, or the task's metric), or of the epoch that
            a rule went back to; of the cell space, `normal_genotype` and `reduce_genotype` are its cells.
        last_genotype: the genotype after the last epoch.
        final_train_acc, final_val_acc: accuracies in [0, 1] of the last epoch; None of a task without.
        history: one row an epoch (losses, accuracies, learning rate, alpha movement, gate entropy, skip connections).
        alphas: logits [E, K] a kind after the last epoch.
        selection: figures of `config.selection`, such as `val_acc` of what it chose; None where there was none.
        stopped: why a rule ended the search early; None where none did.
        parameters: weights of the network of `genotype` at the size of the search, as `space.network` builds it; None
            where it was not counted.
    """

    genotype: AnyGenotype
    last_genotype: AnyGenotype
    final_train_acc: float | None
    final_val_acc: float | None
    history: list[Row]
    alphas: dict[str, Tensor]
    stopped: str | None = None
    parameters: int | None = None
    selection: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        lines = ["Genotype, the best of the search by validation:", *self.genotype.lines(), self._figures()]
        if self.parameters is not None:
            lines.append(f"Its network has {self.parameters:,} weights at the size of the search, not trained yet.")
        if self.stopped:
            lines.append(f"The search was ended early: {self.stopped}.")
        return "\n".join([*lines, f"Nothing was written to disk; {SAVING}"])

    def _repr_html_(self) -> str:
        """What a notebook shows: the same words, lines kept."""
        return f"<pre>{html.escape(repr(self))}</pre>"

    def _figures(self) -> str:
        if not self.history:
            return "No epoch was run."
        last = self.history[-1]
        figures = format_figures(last, [name for name in last if name.startswith(("train_", "val_"))])
        return (
            f"After the last of {len(self.history)} epochs: {figures}, {last['alpha_updates']} updates of the alphas."
        )

    @property
    def normal_genotype(self) -> Cell:
        """The normal cell of `genotype`.

        Raises:
            AttributeError: the genotype of another space than of cells; its `choices` and `cells` have what was found.
        """
        return self._cells().normal

    @property
    def reduce_genotype(self) -> Cell:
        """The reduction cell of `genotype`; raises as `normal_genotype`."""
        return self._cells().reduce

    def _cells(self) -> Genotype:
        if not isinstance(self.genotype, Genotype):
            raise AttributeError(f"{type(self.genotype).__name__} has no normal and reduction cell")
        return self.genotype
