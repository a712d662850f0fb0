"""Figures that some samples do not define, such as R² of a single one: nan there instead of an error or of 0."""

import torch
from torch import Tensor
from torchmetrics import R2Score
from torchmetrics.classification import BinaryAUROC
from torchmetrics.utilities.data import dim_zero_cat


class R2(R2Score):
    """The coefficient of determination, the mean over targets; nan for fewer than two samples."""

    def compute(self) -> Tensor:
        """A scalar."""
        return super().compute() if int(self.total) > 1 else torch.tensor(torch.nan)


class Auroc(BinaryAUROC):
    """The exact area under the ROC curve (no thresholds); nan where one of the two classes does not occur."""

    def compute(self) -> Tensor:  # type: ignore[override]  # torchmetrics' own ignores its base's too
        """A scalar."""
        return super().compute() if len(torch.unique(dim_zero_cat(self.target))) > 1 else torch.tensor(torch.nan)
