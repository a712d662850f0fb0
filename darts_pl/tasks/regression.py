"""One number or several of a sample."""

import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MeanSquaredError, R2Score

from darts_pl.errors import ConfigError, nearest
from darts_pl.tasks.forecasting import LOSSES
from darts_pl.tasks.metrics import EpochMetrics
from darts_pl.tasks.shapes import rows


class R2(R2Score):
    """The coefficient of determination, the mean over targets; nan for fewer than two samples."""

    def compute(self) -> Tensor:
        """A scalar."""
        return super().compute() if int(self.total) > 1 else torch.tensor(torch.nan)


class Regression:
    """Outputs and targets (B, num_targets), or (B,) of one target.

    Epochs are compared by mean squared error, whatever the loss. Loss and figures are in the units of the targets.

    Args:
        num_targets: numbers a sample.
        loss: `mse`, `mae`, or `huber` (squared below an error of 1, linear above).

    Raises:
        ConfigError: an unknown loss, fewer than one target.
    """

    monitor = "mse"

    def __init__(self, num_targets: int = 1, loss: str = "mse"):
        if loss not in LOSSES:
            raise ConfigError(f"loss={loss!r} is no loss of a regression. {nearest(loss, LOSSES)}")
        if num_targets < 1:
            raise ConfigError(f"num_targets={num_targets}: expected 1 or more")
        self.num_targets, self.name = num_targets, loss

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """The loss, averaged over samples and targets.

        Raises:
            ConfigError: shapes other than those of the class, in the metrics too.
        """
        return LOSSES[self.name](*self._rows(output, y))

    def metrics(self) -> EpochMetrics:
        """`loss`, `mse`, `mae` and `r2` (the mean over targets; nan of fewer than two samples)."""
        figures = {"mse": MeanSquaredError(), "mae": MeanAbsoluteError(), "r2": R2()}
        return EpochMetrics(figures, view=self._floats)

    def better(self, value: float, than: float) -> bool:
        """Less is better."""
        return value < than

    def _floats(self, output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        output, y = self._rows(output, y)
        return output.float(), y.float()

    def _rows(self, output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return rows(output, y, self.num_targets, "regression")
