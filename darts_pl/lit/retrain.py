"""Retraining: a derived network from fresh weights (arXiv:1806.09055, section 3.2 and the released recipe)."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from darts_pl import ranks
from darts_pl.errors import ConfigError
from darts_pl.lit.base import StepModule
from darts_pl.lit.optimizers import OptimizerFactory, stepping_fast
from darts_pl.lit.search import Batch
from darts_pl.ops.strided import in_memory_layout
from darts_pl.spaces.base import DerivedNetwork
from darts_pl.tasks import AnyMetrics, Classification, Task
from darts_pl.tasks.metrics import samples


class RetrainModule(StepModule):
    """Trains `network` on (x, y) batches, such as x float (B, C, H, W), y int64 (B,).

    Args:
        drop_path: probability reached at the end; grows linearly from 0 with the epoch.
        auxiliary_weight: weight of the auxiliary head's loss, where the network has one.
        label_smoothing: as in `torch.nn.functional.cross_entropy`, training only, of a classification.
        average: decay of an exponential moving average of the weights, which then is what validation and test see
            (Polyak averaging); 0 leaves it out.
        keep_best: `finish` goes back to the weights of the epoch best in validation, the earliest of equals.
        patience: epochs without a better validation after which training ends; 0 for never.

    Attributes:
        best: {"epoch", "value", "state"} of the best validated epoch; empty before there is one.

    Raises:
        ConfigError: `average` outside [0, 1), a negative `patience`, label smoothing of no classification.
    """

    phase = "retrain"
    network: DerivedNetwork

    def __init__(
        self,
        network: DerivedNetwork,
        optimizer: OptimizerFactory,
        *,
        task: Task,
        epochs: int,
        seed: int = 0,
        min_learning_rate: float = 0.0,
        drop_path: float = 0.2,
        auxiliary_weight: float = 0.4,
        label_smoothing: float = 0.0,
        clip_norm: float = 5.0,
        channels_last: bool = False,
        average: float = 0.0,
        keep_best: bool = False,
        patience: int = 0,
    ) -> None:
        super().__init__(
            task=task,
            epochs=epochs,
            seed=seed,
            min_learning_rate=min_learning_rate,
            clip_norm=clip_norm,
            channels_last=channels_last,
        )
        if not 0 <= average < 1:
            raise ConfigError(f"average={average}: expected a decay from 0 to below 1")
        if patience < 0:
            raise ConfigError(f"patience={patience}: expected at least 0 epochs")
        if label_smoothing and not isinstance(task, Classification):
            raise ConfigError(
                f"label_smoothing={label_smoothing} is of a classification, found {type(task).__name__}. Take 0"
            )
        self.network = in_memory_layout(network, channels_last)
        self.make_optimizer = optimizer
        self.drop_path, self.auxiliary_weight, self.label_smoothing = drop_path, auxiliary_weight, label_smoothing
        self.averaged = _average_of(network, average) if average else None
        self.keep_best, self.patience = keep_best, patience
        self.best: dict[str, Any] = {}
        self.test_metrics = self.task.metrics()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One step on the main and the auxiliary loss."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)  # the one of `configure_optimizers`
        x, y = batch
        self.seed_step("retrain")
        self.seed_rank("retrain")
        # A function of the epoch, set each step, so that a resumed epoch has it too.
        self.network.drop_path_probability = self.drop_path * self.current_epoch / self.epochs
        output, auxiliary = self.network.forward_with_auxiliary(self.layout(x))
        loss = self._training_loss(output, y)
        total = loss if auxiliary is None else loss + self.auxiliary_weight * self._training_loss(auxiliary, y)
        self.check_finite(total, "training loss")

        share = ranks.shares([samples(y)], self.device)[0]
        self.manual_backward(ranks.weighted(total, share) / self.batches_of_step(batch_idx))
        if self.steps_at(batch_idx):
            ranks.mean_gradients(parameter for group in optimizer.param_groups for parameter in group["params"])
            optimizer.step()  # clips first, see StepModule
            optimizer.zero_grad()
            ranks.take_first(self.network.buffers())
            if self.averaged is not None:
                self.averaged.update_parameters(self.network)

        self.steps_done += 1
        self.train_metrics.update(loss, output, y)
        self.log_dict({"loss/train_loss_step": loss.detach(), "step": float(self.steps_done - 1)})

    def _training_loss(self, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if self.label_smoothing:
            return F.cross_entropy(output, y, label_smoothing=self.label_smoothing)
        return self.task.loss(output, y)

    @property
    def evaluated(self) -> torch.nn.Module:
        """What validation sees: the network, or the average of its weights."""
        return self.network if self.averaged is None else self.averaged.module

    def _evaluate(self, network: torch.nn.Module, batch: Batch, metrics: AnyMetrics) -> None:
        x, y = batch
        output = network(self.layout(x))
        metrics.update(self.task.loss(output, y), output, y)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Evaluate on the held-out part of the training data."""
        self._evaluate(self.evaluated, batch, self.val_metrics)

    def on_validation_epoch_end(self) -> None:
        """Keep the best epoch's weights; end the training where `patience` is over."""
        if not (self.keep_best or self.patience):
            return
        value, epoch = self.val_metrics.compute("val")[f"val_{self.task.monitor}"], self.finished_epochs
        if not self.best or self.task.better(value, self.best["value"]):
            state = {name: value.detach().clone() for name, value in self.evaluated.state_dict().items()}
            self.best = {"epoch": epoch, "value": value, "state": state}
        self._check_patience(epoch)

    def _check_patience(self, epoch: int) -> None:
        if self.patience and self.best and epoch - self.best["epoch"] >= self.patience:
            self.trainer.should_stop = True

    def on_train_start(self) -> None:
        """End again a training that had run out of patience, on resuming."""
        self._check_patience(self.elapsed_epochs + self.current_epoch)

    def finish(self) -> None:
        """After the fit: leave `network` the weights that are to be tested and saved, the averaged ones, or those of
        the best epoch."""
        if self.averaged is not None:
            self.network.load_state_dict(self.averaged.module.state_dict())
        if self.keep_best and self.best:
            self.network.load_state_dict(self.best["state"])

    def on_test_epoch_start(self) -> None:
        self.test_metrics.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Evaluate on the test data."""
        self._evaluate(self.network, batch, self.test_metrics)

    def test_figures(self) -> dict[str, float]:
        """`test_loss` and the task's metrics of the last test."""
        return self.test_metrics.compute("test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The one optimiser, of all parameters that are trained."""
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        return stepping_fast(self.make_optimizer([*self.task_parameters(), *trained]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["best"] = copy.copy(self.best)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.best = checkpoint["best"]


def _average_of(network: DerivedNetwork, decay: float) -> AveragedModel:
    """Buffers are averaged too: BatchNorm's statistics belong to the averaged weights."""
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return averaged.requires_grad_(False)
