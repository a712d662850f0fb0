"""The sigmoid relaxation of FairDARTS."""

import torch
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.relaxations.base import Relaxation

DISTANCES = {"l2": torch.square, "l1": torch.abs}


class Sigmoid(Relaxation):
    """gate = sigmoid(alpha), each candidate for itself (FairDARTS: Chu, Zhou, Zhang and Li, arXiv:1911.12126).

    What it is for: under a softmax the candidates of an edge compete for one unit of weight, and the skip connection,
    which helps every other candidate's gradient through, wins that competition unfairly; searches then collapse into
    skips. Independent gates let several candidates be good at once, so that a skip's gain is nobody's loss (section 4,
    "collaborative competition").

    Independent gates have no reason to go to 0 or 1, and the derivation rounds them to just that. The zero-one loss
    (section 4) pushes them there:

        L = L_val + w01 · L01,    L01 = −(1/N) Σ (sigmoid(alpha) − ½)²

    over all N gates of all cells; `form="l1"` takes |sigmoid(alpha) − ½| instead, which pushes as hard from
    the middle as near the ends. Under l2 a gate of ½ feels nothing, so that the data decide first.

    The genotype is derived by a threshold, see `darts_pl.derive.threshold`. Defaults: the released code's
    w01 = 10, form l2. Its recipe besides: primitives without `none`, alphas starting at 0, Adam on them with
    learning rate 3e-3 and betas (0.9, 0.999).

    Differences from the released code: alphas start from 10⁻³ · N(0, 1) as everywhere here, gates of .5 ± .00025; a
    candidate that was removed does not count in N.

    Args:
        zero_one_weight: w01, at least 0; 0 leaves the loss out.
        form: "l2" or "l1".

    Raises:
        ConfigError: another form, a negative weight.
    """

    simplex = False

    def __init__(self, zero_one_weight: float = 10.0, form: str = "l2"):
        super().__init__()
        if form not in DISTANCES:
            raise ConfigError(f"relaxation.form={form!r}: expected one of {', '.join(DISTANCES)}")
        if not zero_one_weight >= 0:
            raise ConfigError(f"relaxation.zero_one_weight={zero_one_weight}: expected 0 or more")
        self.zero_one_weight, self.form = zero_one_weight, form

    def expected(self, alpha: Tensor) -> Tensor:
        """`alpha` [E, K] → gates [E, K], each in [0, 1]; rows do not sum to one."""
        return torch.sigmoid(alpha)

    def penalty(self, alpha: Tensor) -> Tensor | None:
        """w01 · L01 over the candidates that are left in `alpha` [E, K]; None with a weight of 0."""
        if not self.zero_one_weight:
            return None
        distances = DISTANCES[self.form](torch.sigmoid(alpha) - 0.5)
        kept = ~torch.isneginf(alpha)
        return -self.zero_one_weight * (distances * kept).sum() / kept.sum()
