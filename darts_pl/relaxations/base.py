"""The seam between architecture logits and gates."""

import torch
import torch.nn as nn
from torch import Tensor


class Relaxation(nn.Module):
    """Turns logits `alpha` [E, K] into gates [E, K]. Subclasses say how; state that anneals lives in buffers, so that
    it is saved and restored with the supernet.
    """

    def forward(self, alpha: Tensor) -> Tensor:
        """The gates that mix candidates now; may be a random sample in train mode, never in eval mode."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(alpha)")

    def expected(self, alpha: Tensor) -> Tensor:
        """The gates without randomness: what is recorded, drawn and derived from."""
        return torch.softmax(alpha, dim=-1)

    def penalty(self, alpha: Tensor) -> Tensor | None:
        """A term to add to the upper-level loss, or None."""
        return None

    def anneal(self, progress: float) -> None:
        """Take the schedule to `progress` in [0, 1], the finished part of the search; called before each epoch."""
