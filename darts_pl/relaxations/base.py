"""The seam between architecture logits and gates, and its plainest form, the softmax."""

from abc import ABC, abstractmethod

import torch
import torch.nn as nn
from torch import Tensor


class Relaxation(nn.Module, ABC):
    """Turns logits `alpha` [E, K] into gates [E, K]. A subclass defines `expected`, and `forward` too where gates are
    drawn in train mode; state that anneals lives in buffers, so that it is saved and restored with the supernet.

    A logit of -inf is a candidate that was removed: its gate is 0, no gradient of it is NaN, and no penalty counts it.
    Every row keeps at least one finite logit.

    Attributes:
        one_hot: whether gates in train mode have one entry of value 1 a row and 0 elsewhere, as a mixing that runs one
            candidate needs.
        simplex: whether every row of gates sums to one.
        trains_alphas: whether the gates depend on alpha.
        twice_differentiable: whether gates in train mode can be differentiated twice in alpha (for a Hessian).
    """

    one_hot = False
    simplex = True
    trains_alphas = True
    twice_differentiable = True

    def forward(self, alpha: Tensor) -> Tensor:
        """The gates that mix candidates now; may be a random sample in train mode, never in eval mode."""
        return self.expected(alpha)

    @abstractmethod
    def expected(self, alpha: Tensor) -> Tensor:
        """The gates without randomness: what is recorded, drawn and derived from."""

    def penalty(self, alpha: Tensor) -> Tensor | None:
        """A term to add to the upper-level loss, or None; `alpha` [E, K] holds the edges of all kinds of cells."""
        return None

    def anneal(self, progress: float) -> None:
        """Take the schedule to `progress` in [0, 1], the finished part of the search; called before each epoch."""


class Softmax(Relaxation):
    """gate = softmax(alpha) on each edge (DARTS, arXiv:1806.09055, equation 2)."""

    def expected(self, alpha: Tensor) -> Tensor:
        """`alpha` [E, K] → gates [E, K] that sum to one on each edge."""
        return torch.softmax(alpha, dim=-1)
