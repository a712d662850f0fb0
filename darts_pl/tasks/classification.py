"""One of several classes, or yes or no."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC, MulticlassAccuracy
from torchmetrics.utilities.data import dim_zero_cat

from darts_pl.errors import DataError
from darts_pl.tasks.metrics import EpochMetrics
from darts_pl.tasks.shapes import rows


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


class Auroc(BinaryAUROC):
    """The exact area under the ROC curve (no thresholds); nan where one of the two classes does not occur."""

    def compute(self) -> Tensor:  # type: ignore[override]  # torchmetrics' own ignores its base's too
        """A scalar."""
        return super().compute() if len(torch.unique(dim_zero_cat(self.target))) > 1 else torch.tensor(torch.nan)


class BinaryClassification:
    """Binary cross-entropy. Outputs are logits (B,) or (B, 1) of the class 1, targets 0 or 1, whole or float, (B,)."""

    monitor = "acc"

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """The cross-entropy.

        Raises:
            ConfigError: other shapes, in the metrics too.
        """
        return F.binary_cross_entropy_with_logits(*_rows(output, y))

    def metrics(self) -> EpochMetrics:
        """`loss`, `acc` and `auroc` (nan where one class does not occur).

        `auroc` keeps every output until `reset`. Adding targets other than 0 and 1 raises DataError.
        """
        return EpochMetrics({"acc": BinaryAccuracy(), "auroc": Auroc()}, view=_probabilities)

    def better(self, value: float, than: float) -> bool:
        """More is better."""
        return value > than


def _rows(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return rows(output, y, 1, "binary classification")


def _probabilities(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities and classes (B,): torchmetrics takes a batch of logits that all lie in 0..1 for probabilities."""
    output, y = _rows(output, y)
    if not ((y == 0) | (y == 1)).all():
        found = float(y[(y != 0) & (y != 1)][0])
        raise DataError(f"binary classification: found the target {found:g}, expected 0 or 1")
    return output.float().sigmoid().flatten(), y.long().flatten()
