"""The Gumbel-softmax relaxation: SNAS with soft samples, GDAS with one-hot ones."""

import torch
import torch.nn.functional as F
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.relaxations.base import Relaxation


class Gumbel(Relaxation):
    """gate = softmax((log softmax(alpha) + g) / τ), g ~ Gumbel(0, 1), drawn anew for each forward pass.

    What it is for: DARTS trains a mixture of candidates and then keeps one, a network it never trained. A sample of
    low temperature τ is nearly one-hot, so that search and derived network agree, and its gradient still reaches
    every logit, since the noise is outside of it (the reparametrisation by which argmax_k (log p_k + g_k) is a draw
    from p).

    SNAS (Xie et al., arXiv:1812.09926, equation 4), `hard=False`: the soft sample mixes all candidates; τ falls over
    the search, so that samples go from even mixtures to decisions. No code was released with the paper. In the DARTS
    space τ is taken from 1 to 0.03, as in later libraries; in NAS-Bench-201 from 10 to 1 over 100 epochs, as in the
    code of DrNAS, from which the figure of 92.77 comes that is cited for SNAS there.

    GDAS (Dong and Yang, arXiv:1910.04465, section 3.2), `hard=True`: the candidate of the largest sample y gets
    the gate 1 and the others 0, and the gradient is that of the soft sample ("straight-through"):
    h = onehot(argmax y) − stop(y) + y. With `mixing=single_path` only the drawn candidate is run, which is what makes
    GDAS cheap; with `mixing=full` all run, the output is the same and the gradient the whole one (see `SinglePath`).
    Released recipe: τ from 10 to 0.1, linear over 250 epochs (the temperatures are the defaults here), batches of 256
    in the DARTS space and of 64 in NAS-Bench-201. The gradient grows as 1 / τ: where τ falls a hundredfold within fewer
    steps than Adam's second moment looks back over, its steps become too long, and betas of (0.5, 0.9) do better than
    the released (0.5, 0.999).

    Differences from the released codes:
    - GDAS draws all noise again where any of it is infinite, a test that makes a GPU wait for the host at each pass
      and never ends where an alpha is NaN. Here the exponential draws behind the noise are kept above the smallest
      normal number, so that the noise cannot be infinite.
    - In eval mode nothing is drawn: the gates are softmax(alpha), with `hard` its one-hot argmax, so that evaluation
      is repeatable.
    - SNAS adds a cost of resources to the loss, which is no part of a relaxation.

    Raises:
        ConfigError: a temperature that is not positive.
    """

    tau: Tensor

    def __init__(self, tau_start: float = 10.0, tau_end: float = 0.1, hard: bool = False):
        super().__init__()
        if tau_start <= 0 or tau_end <= 0:
            raise ConfigError(f"relaxation.tau_start={tau_start}, tau_end={tau_end}: temperatures must be positive")
        self.tau_start, self.tau_end, self.one_hot = tau_start, tau_end, hard
        self.register_buffer("tau", torch.tensor(float(tau_start)))

    def forward(self, alpha: Tensor) -> Tensor:
        """`alpha` [E, K] → gates [E, K] that sum to one on each edge."""
        if not self.training:
            gates = self.expected(alpha)
            return _one_hot_argmax(gates) if self.one_hot else gates
        soft = torch.softmax((torch.log_softmax(alpha, dim=-1) + gumbel_noise(alpha)) / self.tau, dim=-1)
        return _one_hot_argmax(soft) - soft.detach() + soft if self.one_hot else soft

    def expected(self, alpha: Tensor) -> Tensor:
        """softmax(alpha), [E, K]."""
        return torch.softmax(alpha, dim=-1)

    def anneal(self, progress: float) -> None:
        """Set τ for the finished part `progress` in [0, 1]."""
        self.tau.fill_(self.tau_start + (self.tau_end - self.tau_start) * progress)


def gumbel_noise(like: Tensor) -> Tensor:
    """Finite draws −log e, e ~ Exp(1), shaped as `like`, from torch's generator."""
    exponential = torch.empty_like(like, memory_format=torch.contiguous_format).exponential_()
    return -exponential.clamp_min_(torch.finfo(like.dtype).tiny).log_()


def _one_hot_argmax(gates: Tensor) -> Tensor:
    return F.one_hot(gates.argmax(dim=-1), gates.shape[-1]).to(gates)
