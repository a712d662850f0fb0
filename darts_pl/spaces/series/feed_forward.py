"""Feed-forward sublayers, each token for itself."""

import torch.nn as nn
from torch import Tensor

WIDENING = 2


class MLP(nn.Sequential):
    """Linear, GELU, linear, hidden size 2 D (Vaswani et al., arXiv:1706.03762, section 3.3, with GELU)."""

    def __init__(self, dim: int):
        super().__init__(nn.Linear(dim, WIDENING * dim), nn.GELU(), nn.Linear(WIDENING * dim, dim))


class SwiGLU(nn.Module):
    """y = W₃ (SiLU(W₁ x) ⊙ W₂ x) (Shazeer, arXiv:2002.05202, equation 6). The hidden size is two thirds of the MLP's,
    so that both have about as many parameters."""

    def __init__(self, dim: int):
        super().__init__()
        hidden = max(1, round(2 * WIDENING * dim / 3))
        self.gate, self.value, self.out = nn.Linear(dim, hidden), nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.activation = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) → (..., D)."""
        return self.out(self.activation(self.gate(x)) * self.value(x))

    def linear_form(self, x: Tensor) -> Tensor:
        """What SynFlow takes in its place: the product a sum."""
        return self.out(self.gate(x) + self.value(x))


FEED_FORWARDS = {"mlp": MLP, "glu": SwiGLU}
