"""β-DARTS: a penalty that keeps the gates of an edge from growing apart early."""

import torch
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.rules.base import Combination, Rule
from darts_pl.spaces.base import Supernet


class BetaDecay(Rule):
    """Beta-decay regularisation: a smooth maximum of the logits of every edge in the upper-level loss.

    Ye et al., "β-DARTS: Beta-Decay Regularization for Differentiable Architecture Search" (arXiv:2203.01665,
    section 3). The name is the paper's for the gates β = softmax(α); it has nothing to do with the edge weights that
    are called betas here.

        L = L_val + λ(progress) · mean over the edges e of log Σ_k exp α_ek

    Why. Weight decay on α, an L2 penalty, shrinks all logits alike and does not act on the gates where they matter:
    adding a constant to a row changes it and leaves the gates alone. The gradient of the term above is the gate
    itself, ∂/∂α_ek = λ/E · β_ek: it pulls the strongest logit of an edge down most and so holds the variance of the
    gates small, while the loss still decides on their order. Skip connections, which profit most from an early lead,
    then lose it; the paper finds architectures that transfer better between data sets and depend less on the length of
    the search.

    How. λ goes linearly from 0 to `weight` (50) over the search. The mean is over all edges of all kinds of cells
    together, so that `weight` means the same in spaces with one kind and with two. Candidates that a phase has removed
    have logits of −∞ and thereby count neither in the sum nor in the gradient. Edge weights (PC-DARTS) are left out.
    The gradient at λ = 50 over 28 edges is up to 1.8 for each logit, two orders of magnitude above that of the loss
    (110 to 330 times in a NAS-Bench-201 supernet): the penalty decides, and the loss is a nudge. Adam's normalised
    steps keep it in check, so choose another `weight` together with another optimiser of the alphas. The paper sets the
    penalty against weight decay; the released code has both, `arch_weight_decay=1e-3` at an alpha learning rate of
    3e-4, and so have the experiments here.

    Differences from the released code (Sunshine-Ye/Beta-DARTS): there λ = 50 · epoch / 100 is written into the loop
    whatever the number of epochs (100 in NAS-Bench-201), so that shorter searches end at a smaller λ; here it reaches
    `weight` in the last epoch. The released code takes one alpha of all edges (NAS-Bench-201) and fails on the two of
    the DARTS space (its issue 1).

    Args:
        weight: λ at the end of the search.

    Raises:
        ConfigError: a negative weight.
    """

    def __init__(self, weight: float = 50.0):
        if weight < 0:
            raise ConfigError(f"rules.beta_decay.weight={weight}: expected a number of at least 0")
        self.weight = weight
        self.present_weight = 0.0

    def check(self, combination: Combination) -> None:
        """Raises ConfigError where alphas are not trained."""
        if not combination.alphas_trained:
            raise ConfigError(
                "rules.beta_decay adds to the alphas' loss, but hypergradient=fixed never trains them. Leave the rule "
                "out, or take hypergradient=first"
            )

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Set λ for the finished part `progress` in [0, 1]."""
        self.present_weight = self.weight * progress

    def penalty(self, supernet: Supernet) -> Tensor | None:
        """λ · mean of logsumexp over all edges; None while λ is 0."""
        if self.present_weight == 0:
            return None
        edges = torch.cat([torch.logsumexp(logits, dim=-1) for logits in supernet.logits().values()])
        return self.present_weight * edges.mean()

    def figures(self) -> dict[str, float | None]:
        """λ of the epoch."""
        return {"beta_decay_weight": self.present_weight}
