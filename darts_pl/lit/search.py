"""The search: alphas and weights in alternation (DARTS, arXiv:1806.09055, algorithm 1)."""

import functools
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from darts_pl import ranks
from darts_pl.hypergradient import Bilevel, Hypergradient, VirtualStep, first, fixed
from darts_pl.lit.base import Row
from darts_pl.lit.checks import check_accumulates, check_unrolls, check_warmup, without_arguments
from darts_pl.lit.optimizers import OptimizerFactory, stepping_fast
from darts_pl.lit.rule_steps import Batch, RuleSteps
from darts_pl.ops.strided import in_memory_layout
from darts_pl.rules import PhaseStart, Rule
from darts_pl.rules.base import Gates
from darts_pl.spaces.base import Supernet
from darts_pl.spaces.widening import widen
from darts_pl.tasks import Task


class SearchModule(RuleSteps):
    """Bilevel search on a supernet.

    Batches are `{"weights": (x, y), "alphas": (x, y)}`, one from each half of the data: images x float (B, C, H, W) and
    y int64 (B,), or what else the task is of; x may be a dictionary of tensors. Validation batches are (x, y) from the
    alphas' half.

    Args:
        supernet: a `Supernet`.
        hypergradient: `Bilevel -> dL_val/dα`, see `darts_pl.hypergradient`.
        weights_optimizer, alphas_optimizer: `parameters -> optimiser`.
        task: the loss of both levels, and the metrics.
        alpha_warmup_epochs: epochs, the first ones of this phase, that train weights only.
        clip_norm: global norm to which the weights' gradient is clipped; 0 leaves it.
        rules: what a method adds to the search, in this order.
        phase_index, phases: which phase of the search this module is, from 0, and of how many.
        elapsed_epochs: epochs of earlier phases. schedule_start, schedule_epochs: the epoch at which the schedule of
            learning rate and annealing begins, and its length, where it spans more than this phase.

    Attributes:
        alpha_updates: how often the alphas were updated. step_gates: those of the last weight step, summed over its
            batches.

    Raises:
        ConfigError: a warm-up as long as the search; a second order without plain SGD.
    """

    phase = "search"

    def __init__(
        self,
        supernet: Supernet,
        hypergradient: Hypergradient,
        weights_optimizer: OptimizerFactory,
        alphas_optimizer: OptimizerFactory,
        *,
        task: Task,
        epochs: int,
        seed: int = 0,
        min_learning_rate: float = 0.001,
        alpha_warmup_epochs: int = 0,
        clip_norm: float = 5.0,
        channels_last: bool = False,
        rules: Sequence[Rule] = (),
        phase_index: int = 0,
        phases: int = 1,
        elapsed_epochs: int = 0,
        schedule_start: int | None = None,
        schedule_epochs: int | None = None,
    ) -> None:
        super().__init__(
            task=task,
            epochs=epochs,
            seed=seed,
            min_learning_rate=min_learning_rate,
            clip_norm=clip_norm,
            channels_last=channels_last,
            rules=rules,
        )
        check_warmup(alpha_warmup_epochs, epochs)
        self.supernet = in_memory_layout(supernet, channels_last)
        self.hypergradient = hypergradient
        self.make_weights_optimizer, self.make_alphas_optimizer = weights_optimizer, alphas_optimizer
        self.alpha_warmup_epochs = alpha_warmup_epochs
        self.elapsed_epochs, self.schedule_epochs = elapsed_epochs, schedule_epochs or epochs
        self.schedule_start = elapsed_epochs if schedule_start is None else schedule_start
        self.alpha_updates = self.updates_before_alphas = 0
        self.waiting: list[tuple[Batch, Batch]] = []  # of the step that is to come
        self.step_gates: dict[str, Tensor] = {}
        start = PhaseStart(
            index=phase_index,
            phases=phases,
            epochs=epochs,
            warmup_epochs=alpha_warmup_epochs,
            schedule_start=self._schedule_epoch(0),
            schedule_epochs=self.schedule_epochs,
        )
        for rule in self.rules:
            rule.begin_phase(start)

    def training_step(self, batch: dict[str, Batch], batch_idx: int) -> None:
        """One bilevel step, once all of its batches are there."""
        self.waiting.append((batch["weights"], batch["alphas"]))
        if self.steps_at(batch_idx):
            pairs, self.waiting = self.waiting, []
            self.bilevel_step(pairs)

    def bilevel_step(self, pairs: Sequence[tuple[Batch, Batch]]) -> None:
        """One step of the alphas on their batches, then one of the weights on theirs; `pairs` are (weights' batch,
        alphas' batch), one of each but for `accumulate`."""
        weights_optimizer, alphas_optimizer = self._both_optimizers()
        weights, alphas = self.trained_weights(), self.supernet.arch_parameters()

        # Upper level: α descends L_val, for the second order through one virtual step of the weights.
        if self.trains_alphas:
            step = self.coming_step(weights_optimizer.optimizer)
            for self.place, (train, valid) in enumerate(pairs):
                self.weigh(train, valid)
                problem = Bilevel(
                    train_loss=functools.partial(self.objective, train, "weights"),
                    valid_loss=functools.partial(self.upper_loss, valid),
                    weights=weights,
                    alphas=alphas,
                    buffers=list(self.supernet.buffers()),
                    step=step,
                    reduce=ranks.mean,
                )
                for alpha, grad in zip(alphas, self.precise_hypergradient(problem)):
                    before = alpha.grad if self.place else None
                    alpha.grad = grad / len(pairs) if before is None else grad / len(pairs) + before
            self.place = 0
            self.step_alphas(alphas_optimizer.optimizer)

        # Lower level: w descends L_train at the new α. Only the weights' gradients are computed.
        self.step_gates = {}
        for train, valid in pairs:
            self.weigh(train, valid)
            gates = self.weight_step_gates(train)
            self.step_gates = {kind: gate + self.step_gates.get(kind, 0.0) for kind, gate in gates.items()}
            loss, logits = self.loss(train, "weights", gates)
            self.check_finite(loss, "training loss")
            self.manual_backward(ranks.weighted(loss, self.shares["weights"]) / len(pairs), inputs=weights)
            ranks.mean_gradients(weights)
            self.adjust_gradients(train, valid, gates)
            self.steps_done += 1
            self.keep_alpha_batch(valid)
            self.train_metrics.update(loss, logits, train[1])
            # Lightning takes "step" for the x axis; its own count would begin anew with each phase.
            self.log_dict({"loss/train_loss_step": loss.detach(), "step": float(self.steps_done - 1)})
        weights_optimizer.step()  # clips their global norm first, see StepModule
        weights_optimizer.zero_grad()
        ranks.take_first(self.supernet.buffers())

    def _both_optimizers(self) -> tuple[LightningOptimizer, LightningOptimizer]:
        found = self.optimizers()
        assert isinstance(found, list)  # the two of `configure_optimizers`
        return found[0], found[1]

    def accumulate(self, batches: int) -> None:
        """See `StepModule.accumulate`.

        Raises:
            ConfigError: a second order, or a rule that changes the weights' gradients: both take one batch for a step.
        """
        super().accumulate(batches)
        found = [type(rule).__name__ for rule in self._overriding("adjust")]
        found += [] if self._is_first_order() else ["a second-order hypergradient"]
        check_accumulates(batches, found)

    def trained_weights(self) -> list[torch.nn.Parameter]:
        """What the lower level trains: the network's weights, and what the task learns."""
        return [*self.task_parameters(), *self.supernet.weight_parameters()]

    @property
    def alphas_fixed(self) -> bool:
        """Whether the alphas are never trained (random search)."""
        return without_arguments(self.hypergradient) is fixed

    @property
    def alphas_learned(self) -> bool:
        """Whether the present alphas were ever updated: not while those of a new phase wait for the warm-up's end."""
        return self.alpha_updates > self.updates_before_alphas

    @property
    def trains_alphas(self) -> bool:
        """Whether the steps of this epoch update the alphas."""
        return self.current_epoch >= self.alpha_warmup_epochs and not self.alphas_fixed

    def loss(self, batch: Batch, stream: str, gates: Gates | Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(the task's loss, outputs) of the supernet, by default at gates relaxed from its alphas; the same batch and
        stream draw the same noise within a step."""
        x, y = batch
        self.seed_step(stream)
        sampled = self.supernet.gates()  # also where others are given: what is drawn after them stays the same
        self.seed_rank(stream)
        logits = self.supernet(self.layout(x), sampled if gates is None else gates)
        return self.task.loss(logits, y), logits

    def upper_loss(self, batch: Batch) -> Tensor:
        """L_val and the penalties of relaxation and rules."""
        loss = self.objective(batch, "alphas")
        self.check_finite(loss, "validation loss")
        return sum((term for term in (self.supernet.penalty(), *self.rule_penalties()) if term is not None), loss)

    def coming_step(self, optimizer: torch.optim.Optimizer) -> VirtualStep:
        """The step that `optimizer` is about to take; ξ is its learning rate of now."""
        group = optimizer.param_groups[0]
        velocities = [optimizer.state.get(p, {}).get("momentum_buffer") for p in group["params"]]
        return VirtualStep(group["lr"], group.get("momentum", 0.0), group["weight_decay"], velocities)

    def precise_hypergradient(self, problem: Bilevel) -> list[Tensor]:
        """The hypergradient. First order runs at the trainer's precision, under float16 with the loss scaled as the
        weights' loss is. The second-order terms are small differences that low precision would drown in rounding, so
        their passes run in the weights' own precision.
        """
        if not self._is_first_order():
            with torch.autocast(self.device.type, enabled=False):
                return self.hypergradient(problem)
        scale = self.loss_scale()
        return self.hypergradient(problem) if scale is None else self.hypergradient(problem, loss_scale=scale)

    def _is_first_order(self) -> bool:
        return without_arguments(self.hypergradient) in (first, fixed)

    def step_alphas(self, optimizer: torch.optim.Optimizer) -> None:
        """Step; where float16 overflowed leave the update out, as the scaler does for the weights."""
        grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
        finite = all(torch.isfinite(grad).all() for grad in grads)
        if self.loss_scale() is None:
            self.check_finite(torch.cat([grad.flatten() for grad in grads]), "the hypergradient")
        if finite:
            optimizer.step()
            self.alpha_updates += 1
        optimizer.zero_grad()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Evaluate the supernet on the alphas' half, without augmentation, with running statistics."""
        x, y = batch
        logits = self.supernet(self.layout(x))
        self.val_metrics.update(self.task.loss(logits, y), logits, y)

    def on_train_start(self) -> None:
        """Take schedules to where they were, on resuming; end again a search that a rule had ended."""
        self.anneal()
        if self.verdict is not None:
            self.trainer.should_stop = True

    def on_train_epoch_start(self) -> None:
        """Reset sums, set the learning rate, take relaxation and rules to this epoch."""
        super().on_train_epoch_start()
        self.anneal()

    def anneal(self) -> None:
        """Set what follows the finished part of the search."""
        progress = min(1.0, self._schedule_epoch(self.current_epoch) / max(1, self.schedule_epochs - 1))
        self.supernet.relaxation.anneal(progress)
        self.schedule_rules(progress)

    def _schedule_epoch(self, epoch: int) -> int:
        return self.elapsed_epochs + epoch - self.schedule_start

    def schedule_progress(self) -> float:
        """The finished part of the learning rate's schedule."""
        return self._schedule_epoch(self.current_epoch) / self.schedule_epochs

    def continue_from(self, before: "SearchModule", *, weights: bool) -> None:
        """Count on from the phase `before`; with `weights` take its architecture parameters and its weights over too,
        widened where this supernet's candidates are wider. Optimisers begin anew: momenta and Adam's averages belong
        to parameters that this supernet does not have."""
        self.steps_done, self.alpha_updates = before.steps_done, before.alpha_updates
        self.updates_before_alphas = before.updates_before_alphas if weights else before.alpha_updates
        if weights:
            widen(before.supernet, self.supernet)

    def epoch_row(self) -> Row:
        """The base figures, the alphas' learning rate and how often they were updated so far."""
        arch_rate = self.trainer.optimizers[1].param_groups[0]["lr"]
        base = {**super().epoch_row(), "arch_lr": arch_rate, "alpha_updates": self.alpha_updates}
        return {**base, **self.rule_figures()}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Weights first, then alphas."""
        weights = stepping_fast(self.make_weights_optimizer(self.trained_weights()))
        alphas = stepping_fast(self.make_alphas_optimizer(self.supernet.arch_parameters()))
        if not self._is_first_order():
            check_unrolls(weights)
        return [weights, alphas]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["alpha_updates"] = self.alpha_updates

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.alpha_updates = checkpoint["alpha_updates"]
