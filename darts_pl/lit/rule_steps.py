"""Where the rules of a search act in its steps and epochs."""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor

from darts_pl import ranks
from darts_pl.genotype import AnyGenotype
from darts_pl.lit.base import Inputs, Row, StepModule
from darts_pl.rules import EpochEnd, Rule, Stop, WeightStep
from darts_pl.rules.base import Gates
from darts_pl.spaces.base import Supernet
from darts_pl.tasks.metrics import samples

Batch = tuple[Inputs, Tensor]


class RuleSteps(StepModule):
    """The part of a search that calls its rules; `SearchModule` gives it `supernet`, `loss` and `trains_alphas`.

    Attributes:
        verdict: what a rule ended the search with, or None.
    """

    supernet: Supernet

    def __init__(self, *, rules: Sequence[Rule] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self.rules = list(rules)
        self.verdict: Stop | None = None
        self.last_alpha_batch: Batch | None = None
        self.shares: dict[str, Tensor | None] = {"weights": None, "alphas": None}

    def loss(self, batch: Batch, stream: str, gates: Gates | Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(the task's loss, outputs) of the supernet."""
        raise NotImplementedError(f"{type(self).__name__} must define loss(batch, stream, gates)")

    @property
    def trains_alphas(self) -> bool:
        """Whether the steps of this epoch update the alphas."""
        raise NotImplementedError(f"{type(self).__name__} must define trains_alphas")

    def weigh(self, train: Batch, valid: Batch) -> None:
        """Find what the losses of this rank's parts of the batches of a step are to be weighted by."""
        counts = [samples(train[1]), samples(valid[1])]
        self.shares = dict(zip(("weights", "alphas"), ranks.shares(counts, self.device), strict=True))

    def objective(self, batch: Batch, stream: str, gates: Gates | Sequence[Tensor] | None = None) -> Tensor:
        """The task's loss as it is differentiated: its mean over the ranks is the loss of the whole batch."""
        return ranks.weighted(self.loss(batch, stream, gates)[0], self.shares[stream])

    def _overriding(self, method: str) -> list[Rule]:
        """The rules that define `method` of their own."""
        return [rule for rule in self.rules if getattr(type(rule), method) is not getattr(Rule, method)]

    def schedule_rules(self, progress: float) -> None:
        """Take what rules anneal to the finished part `progress`."""
        for rule in self.rules:
            rule.schedule(self.supernet, progress)

    def rule_penalties(self) -> list[Tensor | None]:
        """Terms of the upper-level loss."""
        return [rule.penalty(self.supernet) for rule in self.rules]

    def rule_figures(self) -> Row:
        """Columns of the epoch's row."""
        return {name: value for rule in self.rules for name, value in rule.figures().items()}

    def weight_step_gates(self, batch: Batch) -> dict[str, Tensor]:
        """The gates of the weight step: relaxed from the alphas, then perturbed by the rules."""
        self.seed_step("weights")
        gates = self.supernet.gates()
        gates = {kind: gate.detach() for kind, gate in gates.items()}  # only weights are trained by what follows
        kept = {kind: self.supernet.kept(kind) for kind in gates}
        self.seed_step("perturbation")  # a stream of its own, or its numbers would come again in the pass that follows
        for rule in self._overriding("perturb"):
            gates = rule.perturb(gates, kept, functools.partial(self._evaluation_loss, batch))
        return gates

    def _evaluation_loss(self, batch: Batch, gates: Gates) -> Tensor:
        """L_train in eval mode; not in float16, whose gradients with respect to gates need a scaled loss."""
        x, y = batch
        self.supernet.eval()
        half = self.loss_scale() is not None
        with torch.autocast(self.device.type, enabled=False) if half else contextlib.nullcontext():
            gates = {kind: ranks.shared(gate) for kind, gate in gates.items()}  # rules take gradients in these
            loss = self.task.loss(self.supernet(self.layout(x), gates), y)
        self.supernet.train()
        return ranks.mean_loss(ranks.weighted(loss, self.shares["weights"]))

    def adjust_gradients(self, train: Batch, valid: Batch, gates: dict[str, Tensor]) -> None:
        """Let the rules change the weights' gradients."""
        rules = self._overriding("adjust")
        if not rules:
            return

        def train_loss(other: Gates | Sequence[Tensor] | None = None) -> Tensor:
            with buffers_spared(self.supernet):
                return self.objective(train, "weights", gates if other is None else other)

        def valid_loss() -> Tensor:
            with buffers_spared(self.supernet):
                return self.objective(valid, "alphas")

        scale = self.loss_scale() or 1.0
        step = WeightStep(self.supernet, train_loss, valid_loss, gates, self.steps_done, scale, ranks.mean)
        for rule in rules:
            rule.adjust(step)

    def end_epoch(self, genotype: AnyGenotype) -> None:
        """Show the rules the finished epoch and keep the first verdict. Called before the epoch is recorded."""
        self.verdict = None
        for rule in self.rules:
            end = EpochEnd(
                self.supernet, self.finished_epochs, genotype, self.trains_alphas, self._last_alpha_loss, ranks.mean
            )
            stop = rule.epoch_end(end)
            self.verdict = self.verdict or stop
        if self.verdict is not None:
            self.trainer.should_stop = True

    def _last_alpha_loss(self) -> Tensor:
        training = self.supernet.training
        assert self.last_alpha_batch is not None  # kept wherever a rule looks at epochs
        with torch.enable_grad(), buffers_spared(self.supernet):
            self.supernet.train()
            self.weigh(self.last_alpha_batch, self.last_alpha_batch)  # a step of before may have had other sizes
            loss = self.objective(self.last_alpha_batch, "alphas")
            self.supernet.train(training)
        return loss

    def keep_alpha_batch(self, batch: Batch) -> None:
        """Keep the batch that `EpochEnd.valid_loss` evaluates, where a rule looks at epochs."""
        self.last_alpha_batch = batch if self._overriding("epoch_end") else None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["rules"] = [rule.state_dict() for rule in self.rules]
        checkpoint["verdict"] = None if self.verdict is None else [self.verdict.epoch, self.verdict.reason]
        batch = self.last_alpha_batch
        checkpoint["last_alpha_batch"] = None if batch is None else list(ranks.joined_samples(batch))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        for rule, state in zip(self.rules, checkpoint["rules"], strict=True):
            rule.load_state_dict(state)
        self.verdict = None if checkpoint["verdict"] is None else Stop(*checkpoint["verdict"])
        batch = checkpoint["last_alpha_batch"]
        self.last_alpha_batch = (
            None if batch is None else tuple(move_data_to_device(ranks.own_samples(batch), self.device))
        )


@contextlib.contextmanager
def buffers_spared(module: torch.nn.Module) -> Iterator[None]:
    """Let forward passes change copies of the module's buffers. Writing old values back afterwards would not do: a
    BatchNorm's graph holds its running statistics, and differentiating a loss whose buffers were written since raises.
    """
    own = [(part, name, buffer) for part in module.modules() for name, buffer in part.named_buffers(recurse=False)]
    for part, name, buffer in own:
        setattr(part, name, buffer.clone())
    try:
        yield
    finally:
        for part, name, buffer in own:
            setattr(part, name, buffer)
