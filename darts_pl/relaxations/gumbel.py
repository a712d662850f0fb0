"""The Gumbel-softmax relaxation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.relaxations.base import Relaxation


class Gumbel(Relaxation):
    """gate = softmax((log softmax(alpha) + g) / τ), g ~ Gumbel(0, 1), drawn anew for each forward pass (SNAS,
    arXiv:1812.09926, equation 4; with `hard` the one-hot sample with straight-through gradient of GDAS,
    arXiv:1910.04465, equation 5, here with all candidates evaluated).

    τ goes linearly from `tau_start` to `tau_end` over the epochs. In eval mode the gates are softmax(alpha), or with
    `hard` its one-hot argmax, so that evaluation is repeatable.

    Raises:
        ConfigError: a temperature that is not positive.
    """

    def __init__(self, tau_start: float = 10.0, tau_end: float = 0.1, hard: bool = False):
        super().__init__()
        if tau_start <= 0 or tau_end <= 0:
            raise ConfigError(f"relaxation.tau_start={tau_start}, tau_end={tau_end}: temperatures must be positive")
        self.tau_start, self.tau_end, self.hard = tau_start, tau_end, hard
        self.register_buffer("tau", torch.tensor(float(tau_start)))

    def forward(self, alpha: Tensor) -> Tensor:
        """`alpha` [E, K] → gates [E, K] that sum to one on each edge."""
        if self.training:
            return F.gumbel_softmax(F.log_softmax(alpha, dim=-1), tau=self.tau, hard=self.hard, dim=-1)
        gates = self.expected(alpha)
        return F.one_hot(gates.argmax(dim=-1), gates.shape[-1]).to(gates) if self.hard else gates

    def anneal(self, progress: float) -> None:
        """Set τ for the finished part `progress` in [0, 1]."""
        self.tau.fill_(self.tau_start + (self.tau_end - self.tau_start) * progress)
