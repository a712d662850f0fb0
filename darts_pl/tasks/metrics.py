"""Figures over an epoch, kept in the state dict so that an interrupted epoch resumes with its sums."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch.nn as nn
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor
from torchmetrics import MeanMetric, Metric

from darts_pl import ranks
from darts_pl.errors import ConfigError


class AnyMetrics(nn.Module, ABC):
    """The figures of one part of the data, over the samples seen since `reset`."""

    @abstractmethod
    def update(self, loss: Tensor, output: Any, y: Any) -> None:
        """Add a batch: mean `loss` (scalar), the network's `output` and the targets `y`, samples first in both."""

    @abstractmethod
    def compute(self, prefix: str) -> dict[str, float]:
        """`{prefix}_loss` and `{prefix}_<metric>`; empty where no batch was added."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all batches."""


class EpochMetrics(AnyMetrics):
    """The mean loss and further metrics of the samples seen since `reset`.

    Args:
        metrics: name → torchmetrics metric of (outputs, targets).
        view: (outputs, targets) as these metrics want them; as they come where it is None.
    """

    def __init__(self, metrics: Mapping[str, Metric], view: Callable[[Any, Any], Any] | None = None):
        super().__init__()
        self.loss = MeanMetric()
        self.names, self.view = list(metrics), view
        for name, metric in metrics.items():
            setattr(self, name, metric)
        for metric in self._all():
            metric.persistent(True)

    def _all(self) -> list[Metric]:
        return [self.loss, *(getattr(self, name) for name in self.names)]

    def update(self, loss: Tensor, output: Any, y: Any) -> None:
        """See `AnyMetrics.update`."""
        self.loss.update(loss.detach().float(), weight=samples(y))
        output, y = (apply_to_collection(part, Tensor, _plain) for part in (output, y))
        if self.view is not None:
            output, y = self.view(output, y)
        for name in self.names:
            getattr(self, name).update(output, y)

    def compute(self, prefix: str) -> dict[str, float]:
        """`{prefix}_loss` and `{prefix}_<metric>`, over the batches of all ranks; empty where no batch was added.

        Raises:
            ConfigError: a metric that gives something else than one number.
        """
        added = self.loss.update_called or float(self.loss.weight) != 0
        if not ranks.any_rank(added, self.loss.device):
            return {}
        figures = {"loss": self.loss, **{name: getattr(self, name) for name in self.names}}
        return {f"{prefix}_{name}": _number(name, metric.compute()) for name, metric in figures.items()}

    def reset(self) -> None:
        """Forget all batches."""
        for metric in self._all():
            metric.reset()


def samples(y: Any) -> int:
    """How many samples a batch of targets holds: a tensor, or tensors in dictionaries, tuples and lists."""
    while not isinstance(y, Tensor):
        y = next(iter(y.values() if isinstance(y, Mapping) else y))
    return len(y)


def _plain(part: Tensor) -> Tensor:
    return part.detach().contiguous()  # some metrics view it as one row


def _number(name: str, value: Any) -> float:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ConfigError(
            f"the metric {name!r} gives {tuple(value.shape)} numbers, expected one: average them in the metric, such "
            "as by average='macro'"
        )
    return float(value)
