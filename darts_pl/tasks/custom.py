"""A task of one's own: any loss and any metrics of torchmetrics."""

from collections.abc import Callable, Mapping
from typing import Any

import torch.nn as nn
from torch import Tensor
from torchmetrics import Metric

from darts_pl.errors import ConfigError, nearest
from darts_pl.tasks.metrics import EpochMetrics
from darts_pl.tasks.shapes import without_column


class Custom(nn.Module):
    """A loss and metrics as given; Hydra can build it from `_target_: darts_pl.tasks.Custom`.

    Outputs and targets reach both as the network and the data give them, but for a column (B, 1) of outputs, which
    loses its second dimension where targets are numbers (B,): a loss of the two would be one of all B x B pairs. A
    metric for probabilities has to be told of logits by its own arguments. A loss that is a module moves to the device
    of the training with its buffers.

    Args:
        loss: (output, y) → the mean loss of the batch, a scalar.
        metrics: name → metric that gives one number. They are copied, so that each part of the data has its own.
        monitor: the metric by which epochs are compared, or "loss".
        higher_is_better: of the monitored metric; None asks the metric. A loss is better lower.

    Raises:
        ConfigError: something else than metrics, a name that cannot be one, an unknown monitor, a metric that does not
            know whether higher is better where it is not given.
    """

    def __init__(
        self,
        loss: Callable[[Any, Any], Tensor],
        metrics: Mapping[str, Metric],
        monitor: str = "loss",
        higher_is_better: bool | None = None,
    ):
        super().__init__()
        if not callable(loss):
            raise ConfigError(f"loss={loss!r} cannot be called, expected a function or a module of (output, y)")
        for name, metric in metrics.items():
            _check(name, metric)
        if monitor != "loss" and monitor not in metrics:
            raise ConfigError(f"monitor={monitor!r} is none of the metrics. {nearest(monitor, ['loss', *metrics])}")
        self.given_loss, self.monitor = loss, monitor
        self._given_metrics = {name: metric.clone() for name, metric in metrics.items()}
        self.higher_is_better = _direction(monitor, metrics, higher_is_better)

    def loss(self, output: Any, y: Any) -> Tensor:
        """The loss of a batch.

        Raises:
            ConfigError: the loss is no scalar.
        """
        value = self.given_loss(*without_column(output, y))
        if not isinstance(value, Tensor) or value.dim():
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ConfigError(f"the loss gives {found}, expected a scalar: the mean over the batch")
        return value

    def metrics(self) -> EpochMetrics:
        """`loss` and the metrics, fresh."""
        return EpochMetrics({name: metric.clone() for name, metric in self._given_metrics.items()}, without_column)

    def better(self, value: float, than: float) -> bool:
        """By the direction of the monitored metric."""
        return value > than if self.higher_is_better else value < than


def _check(name: str, metric: Any) -> None:
    if not isinstance(metric, Metric):
        raise ConfigError(f"metrics: {name}={metric!r}, expected a metric of torchmetrics")
    if not str(name).isidentifier() or hasattr(EpochMetrics({}), name):
        raise ConfigError(f"metrics: {name!r} cannot name a metric, expected letters, digits and _, such as my_{name}")


def _direction(monitor: str, metrics: Mapping[str, Metric], given: bool | None) -> bool:
    known = False if monitor == "loss" else metrics[monitor].higher_is_better
    direction = known if given is None else given
    if direction is None:
        raise ConfigError(f"monitor={monitor!r} does not know whether higher is better. Give higher_is_better")
    return direction
