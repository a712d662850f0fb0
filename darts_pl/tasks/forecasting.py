"""Forecasts of several steps."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError

from darts_pl.errors import ConfigError, nearest
from darts_pl.tasks.metrics import EpochMetrics

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}


class Forecasting:
    """Forecasts (B, P, Y) against the truth of the same shape, P steps of Y targets.

    Epochs are compared by mean squared error, whatever the loss: it is what forecasters are judged by.

    Args:
        loss: `mse`, `mae`, or `huber` (squared below 1, linear above, in units of a standard deviation where series
            are standardised).

    Raises:
        ConfigError: an unknown loss.
    """

    monitor = "mse"

    def __init__(self, loss: str = "mse"):
        if loss not in LOSSES:
            raise ConfigError(f"loss={loss!r} is no loss of a forecast. {nearest(loss, LOSSES)}")
        self.name = loss

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """The loss, averaged over windows, steps and targets."""
        return LOSSES[self.name](output, y)

    def metrics(self) -> EpochMetrics:
        """`loss`, `mse` and `mae`."""
        return EpochMetrics({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()})

    def better(self, value: float, than: float) -> bool:
        """Less is better."""
        return value < than
