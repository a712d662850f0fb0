"""One of several classes."""

import torch.nn.functional as F
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from darts_pl.tasks.metrics import EpochMetrics


class Classification:
    """Cross-entropy and top-1 accuracy. Outputs are logits (B, num_classes), targets int64 (B,)."""

    monitor = "acc"

    def __init__(self, num_classes: int):
        self.num_classes = num_classes

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """The cross-entropy."""
        return F.cross_entropy(output, y)

    def metrics(self) -> EpochMetrics:
        """`loss` and `acc`."""
        return EpochMetrics({"acc": MulticlassAccuracy(self.num_classes, average="micro")})

    def better(self, value: float, than: float) -> bool:
        """More is better."""
        return value > than
