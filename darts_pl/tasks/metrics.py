"""Figures over an epoch, kept in the state dict so that an interrupted epoch resumes with its sums."""

from collections.abc import Mapping

import torch.nn as nn
from torch import Tensor
from torchmetrics import MeanMetric, Metric


class EpochMetrics(nn.Module):
    """The mean loss and further metrics of the samples seen since `reset`.

    Args:
        metrics: name → torchmetrics metric of (outputs, targets).
    """

    def __init__(self, metrics: Mapping[str, Metric]):
        super().__init__()
        self.loss = MeanMetric()
        self.names = list(metrics)
        for name, metric in metrics.items():
            setattr(self, name, metric)
        for metric in self._all():
            metric.persistent(True)

    def _all(self) -> list[Metric]:
        return [self.loss, *(getattr(self, name) for name in self.names)]

    def update(self, loss: Tensor, output: Tensor, y: Tensor) -> None:
        """Add a batch: mean `loss` (scalar), the network's `output` and the targets `y`, samples first in both."""
        self.loss.update(loss.detach().float(), weight=len(y))
        output, y = output.detach().contiguous(), y.contiguous()  # some metrics view them as one row
        for name in self.names:
            getattr(self, name).update(output, y)

    def compute(self, prefix: str) -> dict[str, float]:
        """`{prefix}_loss` and `{prefix}_<metric>`; empty where no batch was added."""
        if not self.loss.update_called and float(self.loss.weight) == 0:
            return {}
        figures = {"loss": self.loss, **{name: getattr(self, name) for name in self.names}}
        return {f"{prefix}_{name}": float(metric.compute()) for name, metric in figures.items()}

    def reset(self) -> None:
        """Forget all batches."""
        for metric in self._all():
            metric.reset()
