"""Retraining: a derived network from fresh weights (arXiv:1806.09055, section 3.2 and the released recipe)."""

import torch
import torch.nn.functional as F

from darts_pl.lit.base import StepModule
from darts_pl.lit.metrics import EpochMetrics
from darts_pl.lit.search import Batch, OptimizerFactory


class RetrainModule(StepModule):
    """Trains `network` on (x, y) batches, x float (B, C, H, W), y int64 (B,).

    Args:
        drop_path: probability reached at the end; grows linearly from 0 with the epoch.
        auxiliary_weight: weight of the auxiliary head's loss, where the network has one.
        label_smoothing: as in `torch.nn.functional.cross_entropy`, training only.
    """

    phase = "retrain"

    def __init__(
        self,
        network: torch.nn.Module,
        optimizer: OptimizerFactory,
        *,
        num_classes: int,
        epochs: int,
        seed: int = 0,
        min_learning_rate: float = 0.0,
        drop_path: float = 0.2,
        auxiliary_weight: float = 0.4,
        label_smoothing: float = 0.0,
        clip_norm: float = 5.0,
        channels_last: bool = False,
    ):
        super().__init__(
            num_classes=num_classes,
            epochs=epochs,
            seed=seed,
            min_learning_rate=min_learning_rate,
            clip_norm=clip_norm,
            channels_last=channels_last,
        )
        self.network = network.to(memory_format=torch.channels_last) if channels_last else network
        self.make_optimizer = optimizer
        self.drop_path, self.auxiliary_weight, self.label_smoothing = drop_path, auxiliary_weight, label_smoothing
        self.test_metrics = EpochMetrics(num_classes)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One SGD step on the main and the auxiliary loss."""
        optimizer = self.optimizers()
        x, y = batch
        self.seed_step("retrain")
        # A function of the epoch, set each step, so that a resumed epoch has it too.
        self.network.drop_path_probability = self.drop_path * self.current_epoch / self.epochs
        logits, auxiliary = self.network.forward_with_auxiliary(self.layout(x))
        loss = F.cross_entropy(logits, y, label_smoothing=self.label_smoothing)
        total = loss
        if auxiliary is not None:
            extra = F.cross_entropy(auxiliary, y, label_smoothing=self.label_smoothing)
            total = loss + self.auxiliary_weight * extra
        self.check_finite(total, "training loss")

        self.manual_backward(total)
        optimizer.step()  # clips first, see StepModule
        optimizer.zero_grad()

        self.steps_done += 1
        self.train_metrics.update(loss, logits, y)
        self.log(f"{self.phase}/train_loss_step", loss.detach())

    def _evaluate(self, batch: Batch, metrics: torch.nn.Module) -> None:
        x, y = batch
        logits = self.network(self.layout(x))
        metrics.update(F.cross_entropy(logits, y), logits, y)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Evaluate on the held-out part of the training data."""
        self._evaluate(batch, self.val_metrics)

    def on_test_epoch_start(self) -> None:
        self.test_metrics.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Evaluate on the test data."""
        self._evaluate(batch, self.test_metrics)

    def test_figures(self) -> dict[str, float]:
        """`test_loss` and `test_acc` of the last test."""
        return self.test_metrics.compute("test")

    def configure_optimizers(self):
        """The one optimiser, of all parameters."""
        return self.make_optimizer(self.network.parameters())
