"""The softmax relaxation."""

import torch
from torch import Tensor

from darts_pl.relaxations.base import Relaxation


class Softmax(Relaxation):
    """gate = softmax(alpha) on each edge (DARTS, arXiv:1806.09055, equation 2)."""

    def expected(self, alpha: Tensor) -> Tensor:
        """`alpha` [E, K] → gates [E, K] that sum to one on each edge."""
        return torch.softmax(alpha, dim=-1)
