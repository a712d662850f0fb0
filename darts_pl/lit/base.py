"""What searching and retraining share: seeding by step, the schedule, the check for finite losses."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torchmetrics import Metric

from darts_pl import last_words, ranks
from darts_pl.errors import TrainingError
from darts_pl.seeds import derived_seed, seed_torch
from darts_pl.tasks import Task

Inputs: TypeAlias = Tensor | Mapping[str, Tensor] | Sequence[Tensor]
Row: TypeAlias = dict[str, float | None]
"""The figures of an epoch by the columns of history.csv; None where the epoch has no value."""


class StepModule(LightningModule):
    """A module with manual optimisation whose random draws depend only on (seed, step, stream).

    Attributes:
        steps_done: batches trained on since the start of the run, over all epochs and interruptions: weight steps, but
            for `accumulate`.
        batch_size: samples of a training batch, where the data of the fit know it.
    """

    phase = "train"

    def __init__(
        self,
        *,
        task: Task,
        epochs: int,
        seed: int,
        min_learning_rate: float,
        clip_norm: float,
        channels_last: bool,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.epochs, self.min_learning_rate = epochs, min_learning_rate
        self.seed, self.clip_norm, self.channels_last = seed, clip_norm, channels_last
        self.steps_done = self.elapsed_epochs = self.place = 0
        self.accumulated_batches = 1
        self.batch_size: int | None = None
        self.task = copy.deepcopy(task)  # it may learn, and each training begins from what the data say
        self.train_metrics, self.val_metrics = self.task.metrics(), self.task.metrics()

    @property
    def finished_epochs(self) -> int:
        """Epochs done when the present one ends, those of earlier phases included: what a run's files and curves call
        `epoch` (0 is the start)."""
        return self.elapsed_epochs + self.current_epoch + 1

    def accumulate(self, batches: int) -> None:
        """Step once in so many batches, by the mean of their gradients, and at the end of an epoch by what is left.
        Lightning accumulates under automatic optimisation only."""
        self.accumulated_batches = batches

    def steps_at(self, batch_idx: int) -> bool:
        """Whether the weights step at this batch of the epoch."""
        last = batch_idx + 1 >= self.trainer.num_training_batches
        return last or (batch_idx + 1) % self.accumulated_batches == 0

    def batches_of_step(self, batch_idx: int) -> int:
        """How many batches the step that this batch belongs to is made of."""
        first = batch_idx - batch_idx % self.accumulated_batches
        return min(self.accumulated_batches, int(self.trainer.num_training_batches) - first)

    def seed_step(self, stream: str) -> None:
        """Set torch's generators for what the coming forward pass draws (Gumbel noise, dropped paths), of the batch at
        `place` among those of a step."""
        seed_torch(derived_seed(self.seed, stream, self.steps_done + self.place))

    def seed_rank(self, stream: str) -> None:
        """Let the other ranks than 0 draw numbers of their own from here on, for their own samples (dropped paths);
        what all ranks must draw alike, such as gates, comes before."""
        if ranks.rank():
            seed_torch(derived_seed(self.seed, stream, self.steps_done + self.place, "rank", ranks.rank()))

    def on_fit_start(self) -> None:
        """Take Lightning's DDP wrapper off again once it has made all ranks begin with the same weights: gradients are
        reduced by the steps themselves (see `darts_pl.ranks`), and its hooks would wait for those of the alphas."""
        if isinstance(self.trainer.strategy.model, DistributedDataParallel):
            self.trainer.strategy.model = self

    def layout(self, x: Inputs) -> Inputs:
        """Inputs in the precision of the network's weights, whole numbers as they are; images (B, C, H, W) in their
        memory layout too. Several inputs come as a dictionary or tuple of tensors."""
        dtype = next(parameter.dtype for parameter in self.parameters() if parameter.is_floating_point())

        def lay_out(part: Tensor) -> Tensor:
            part = part.to(dtype) if part.is_floating_point() else part
            if self.channels_last and part.dim() == 4:
                return part.contiguous(memory_format=torch.channels_last)
            return part

        return apply_to_collection(x, Tensor, lay_out)

    def task_parameters(self) -> list[torch.nn.Parameter]:
        """What the task itself learns, such as the weights of several losses; it is trained with the weights."""
        return list(self.task.parameters()) if isinstance(self.task, torch.nn.Module) else []

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the weights' gradients: here, because under float16 Lightning has taken the loss scale out by now."""
        if self.clip_norm:
            self.clip_gradients(optimizer, self.clip_norm, "norm")

    def loss_scale(self) -> float | None:
        """What a loss is multiplied by before it is differentiated under float16; None at other precisions."""
        plugin = self.trainer.precision_plugin
        scaler = plugin.scaler if isinstance(plugin, MixedPrecision) else None
        return None if scaler is None else float(scaler.get_scale())

    def check_finite(self, value: Tensor, what: str) -> None:
        """Raises TrainingError, naming the step, where `value` is not finite; nothing has been updated by it yet."""
        if not torch.isfinite(value).all():
            found = value.item() if value.numel() == 1 else "not finite"
            raise TrainingError(
                f"{what} is {found} at step {self.steps_done} (epoch {self.current_epoch}, batch "
                f"{self.trainer.fit_loop.batch_idx}). The last good checkpoint is kept. "
                "Start a new run: a lower learning_rate or a smaller clip_norm often helps, and "
                "hardware.precision=32-true rules out overflow."
            )

    def sync_schedule(self) -> None:
        """Bring the weights' learning rate to the present epoch: epoch 0 trains at the initial rate. A function of the
        epoch rather than a scheduler with a state of its own, so that nothing can get out of step on resuming."""
        for group in self.trainer.optimizers[0].param_groups:
            initial = group.setdefault("initial_lr", group["lr"])
            group["lr"] = cosine_rate(initial, self.min_learning_rate, self.schedule_progress())

    def schedule_progress(self) -> float:
        """The finished part of the learning rate's schedule, in [0, 1]."""
        return self.current_epoch / self.epochs

    def on_train_epoch_start(self) -> None:
        self.train_metrics.reset()
        self.val_metrics.reset()
        self.sync_schedule()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        last_words.note(at=f"{self.phase}: epoch {self.finished_epochs}, step {self.steps_done}")

    def on_validation_epoch_start(self) -> None:
        self.val_metrics.reset()

    def epoch_row(self) -> Row:
        """This epoch's figures: train and validation loss and the task's metrics, learning rate."""
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        return {**self.train_metrics.compute("train"), **self.val_metrics.compute("val"), "lr": rate}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Of several ranks, called on all: the point that rank 0 writes holds the figures of the samples of all."""
        checkpoint["steps_done"] = self.steps_done
        checkpoint["rng"] = torch.get_rng_state()
        if ranks.world() == 1:
            return
        for name, metric in self._metrics():
            metric.sync()
            checkpoint["state_dict"].update(metric.state_dict(prefix=f"{name}."))
            metric.unsync()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Of several ranks, of any number, rank 0 goes on with the figures so far and the others with none."""
        self.steps_done = checkpoint["steps_done"]
        torch.set_rng_state(checkpoint["rng"])
        if ranks.rank() == 0:
            return
        for name, metric in self._metrics():
            empty = metric.clone()
            empty.reset()
            checkpoint["state_dict"].update(empty.state_dict(prefix=f"{name}."))

    def _metrics(self) -> list[tuple[str, Metric]]:
        return [(name, module) for name, module in self.named_modules() if isinstance(module, Metric)]


def fitted_epochs(trainer: Trainer) -> int:
    """The epoch that the present fit ends at, counted within it."""
    assert trainer.max_epochs is not None  # every fit here says it
    return trainer.max_epochs


def cosine_rate(initial: float, final: float, progress: float) -> float:
    """The learning rate after the part `progress` in [0, 1] of the training, on half a cosine from `initial` to
    `final` (SGDR, arXiv:1608.03983, equation 5 without restarts)."""
    return final + (initial - final) * (1 + math.cos(math.pi * progress)) / 2
