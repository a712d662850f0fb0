"""Uniform sampling: random search with weight sharing."""

import torch
import torch.nn.functional as F
from torch import Tensor

from darts_pl.relaxations.base import Relaxation


class Uniform(Relaxation):
    """One candidate an edge, drawn uniformly for each forward pass, whatever alpha is: random search with weight
    sharing (Li and Talwalkar, arXiv:1902.07638, section 3).

    What it is for: a baseline that shows what learning alphas adds. The supernet's weights are trained by random
    architectures, one a step; afterwards random architectures are compared on the validation data with the shared
    weights, and the best is taken (`selection=sampled`). Alphas have no part in it, so it goes with
    `hypergradient=fixed`, which leaves their step out, and with no other: gradients of zero and weight decay would move
    them to no end.

    Gates are one-hot in train mode, so that `mixing=single_path` runs one candidate an edge. In eval mode and as
    expectation they are uniform over the candidates that are left: there is no better guess, and a genotype derived
    from them alone would be the ties' order and nothing else.

    There is nothing to set.

    Differences from the released code: it draws a whole architecture, two inputs a node, for each step, as the
    derived network has; here, as in the other methods, every edge of the supernet carries one candidate, and inputs
    are chosen by the selection only. Cells of a kind share their draw in both.
    """

    one_hot = True
    trains_alphas = False

    def forward(self, alpha: Tensor) -> Tensor:
        """`alpha` [E, K] → gates [E, K] that sum to one on each edge and do not depend on its finite values."""
        if not self.training:
            return self.expected(alpha)
        draws = torch.rand_like(alpha, requires_grad=False).masked_fill(torch.isneginf(alpha), -1.0)
        return F.one_hot(draws.argmax(dim=-1), alpha.shape[-1]).to(alpha.dtype)

    def expected(self, alpha: Tensor) -> Tensor:
        """The same share for each candidate that is left, [E, K]."""
        kept = (~torch.isneginf(alpha)).to(alpha.dtype)
        return kept / kept.sum(dim=-1, keepdim=True)
