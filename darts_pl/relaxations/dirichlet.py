"""The Dirichlet relaxation of DrNAS."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Dirichlet as Distribution

from darts_pl.errors import ConfigError
from darts_pl.relaxations.base import Relaxation

SMALLEST_CONCENTRATION = 0.01


class Dirichlet(Relaxation):
    """gate ~ Dirichlet(elu(alpha) + 1) on each edge (DrNAS: Chen, Wang, Cheng, Tang and Hsieh, arXiv:2006.10355).

    What it is for: DARTS optimises one point of the simplex of gates and then rounds it, which overfits the point.
    DrNAS learns a distribution over the simplex: sampling explores mixtures around the mean, and minimising the
    expected validation loss over them amounts to a regularisation of the loss's Hessian in the gates
    (proposition 1), so that rounding costs less.

    The concentration β = elu(alpha) + 1 is positive and 1 at alpha = 0: the uniform distribution on the simplex. In
    train mode every forward pass draws a sample per edge, differentiated along its path by implicit
    reparametrisation (section 2: ∂θ_j/∂β_i = −∂F_Beta(θ_j | β_j, β_tot − β_j)/∂β_j · f_Beta⁻¹ · (δ_ij − θ_i) /
    (1 − θ_j)), which `torch.distributions` computes. In eval mode, for recording and for derivation, the gates are the
    mean β / Σβ.

    Staying near an anchor keeps β from the corners (λ · d(β, 1)): the released CIFAR recipe uses the
    weight decay of Adam on alpha, 10⁻³, as that distance (the default here: `kl_weight=0`, with
    `arch_weight_decay=1e-3`); `kl_weight` λ gives the other, λ · Σ_edges KL(Dir(β) ‖ Dir(1)) (released: 10⁻³).

    Recipe: no `none`; partial channels with divisor 6, then 4, without edge normalisation; two phases, in the second
    the four strongest candidates of an edge are left; alphas still for 10 epochs of each phase. In NAS-Bench-201, with
    `none`, the published command (94.36 on CIFAR-10) mixes all channels in one phase of 100 epochs with an alpha
    learning rate of 3e-4 and no warm-up; the progressive one goes from divisor 4 to 2 and from five candidates to three
    after 50 epochs, alphas still for the first 10 of both halves.

    Differences from the released code:
    - Derivation compares edges by the mean of their Dirichlet, the released code by softmax(alpha); on one edge both
      choose the same candidate, as both rise with alpha.
    - β is at least 0.01. For a very negative alpha elu + 1 rounds to 0, which the released code passes on to an error.
      Below 0.01 samples underflow and their gradients with them.
    - Samples are drawn in float32 (float64 where alpha is), whatever the precision of the network.
    - Removed candidates: there a full sample is drawn, masked and renormalised; here they enter with a concentration
      of almost zero. Both are a Dirichlet over those that are left, but the latter divides by no small sum. The KL
      term counts only what is left; in the released code it counts all.

    Samples can be differentiated once in alpha, so that rules that need a Hessian in alpha cannot go with it.

    Args:
        kl_weight: λ, at least 0.

    Raises:
        ConfigError: a negative weight.
    """

    twice_differentiable = False

    def __init__(self, kl_weight: float = 0.0):
        super().__init__()
        if not kl_weight >= 0:
            raise ConfigError(f"relaxation.kl_weight={kl_weight}: expected 0 or more")
        self.kl_weight = kl_weight

    def forward(self, alpha: Tensor) -> Tensor:
        """`alpha` [E, K] → gates [E, K] that sum to one on each edge."""
        if not self.training:
            return self.expected(alpha)
        concentration, kept = concentrations(alpha)
        negligible = torch.finfo(concentration.dtype).tiny
        # Checking the values would make a GPU wait for the host; they are positive by construction.
        sample = Distribution(concentration.masked_fill(~kept, negligible), validate_args=False).rsample()
        sample = sample.masked_fill(~kept, 0.0)
        return (sample / sample.sum(dim=-1, keepdim=True)).to(alpha.dtype)

    def expected(self, alpha: Tensor) -> Tensor:
        """The mean [E, K] of the distribution."""
        concentration, kept = concentrations(alpha)
        concentration = concentration.masked_fill(~kept, 0.0)
        return (concentration / concentration.sum(dim=-1, keepdim=True)).to(alpha.dtype)

    def penalty(self, alpha: Tensor) -> Tensor | None:
        """λ · Σ_edges KL(Dir(β) ‖ Dir(1)) over the candidates that are left in `alpha` [E, K]; None with λ = 0."""
        if not self.kl_weight:
            return None
        concentration, kept = concentrations(alpha)
        return self.kl_weight * divergence_from_uniform(concentration, kept).sum()


def concentrations(alpha: Tensor) -> tuple[Tensor, Tensor]:
    """(β [E, K] of at least `SMALLEST_CONCENTRATION`, which candidates are left: bool [E, K])."""
    kept = ~torch.isneginf(alpha)
    alpha = alpha if alpha.dtype == torch.float64 else alpha.float()
    return (F.elu(alpha.masked_fill(~kept, 0.0)) + 1).clamp_min(SMALLEST_CONCENTRATION), kept


def divergence_from_uniform(concentration: Tensor, kept: Tensor) -> Tensor:
    """KL(Dir(β) ‖ Dir(1)) [E] over the kept candidates of each row: with K of them and their sum β_tot,
    log Γ(β_tot) − Σ log Γ(β_k) − log Γ(K) + Σ (β_k − 1)(ψ(β_k) − ψ(β_tot))."""
    # A concentration of 1 adds nothing to the sums over k; the totals leave removed candidates out by `kept`.
    beta = concentration.masked_fill(~kept, 1.0)
    total = (beta * kept).sum(dim=-1, keepdim=True)
    number = kept.sum(dim=-1).to(beta.dtype)
    gap = ((beta - 1) * (torch.digamma(beta) - torch.digamma(total))).sum(dim=-1)
    return torch.lgamma(total.squeeze(-1)) - torch.lgamma(beta).sum(dim=-1) - torch.lgamma(number) + gap
