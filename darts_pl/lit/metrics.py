"""Loss and accuracy over an epoch, kept in the state dict so that an interrupted epoch resumes with its sums."""

import torch.nn as nn
from torch import Tensor
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy


class EpochMetrics(nn.Module):
    """Mean loss and top-1 accuracy of the samples seen since `reset`."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.loss = MeanMetric()
        self.acc = MulticlassAccuracy(num_classes, average="micro")
        self.loss.persistent(True)
        self.acc.persistent(True)

    def update(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Add a batch: mean `loss` (scalar), `logits` (B, num_classes), `targets` (B,)."""
        self.loss.update(loss.detach().float(), weight=len(targets))
        self.acc.update(logits.detach(), targets)

    def compute(self, prefix: str) -> dict[str, float]:
        """`{prefix}_loss` and `{prefix}_acc`; empty where no batch was added."""
        if not self.loss.update_called and float(self.loss.weight) == 0:
            return {}
        return {f"{prefix}_loss": float(self.loss.compute()), f"{prefix}_acc": float(self.acc.compute())}

    def reset(self) -> None:
        """Forget all batches."""
        self.loss.reset()
        self.acc.reset()
