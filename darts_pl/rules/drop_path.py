"""R-DARTS: dropping paths of the supernet while searching."""

from darts_pl.errors import ConfigError
from darts_pl.rules.base import Rule
from darts_pl.spaces.base import Supernet


class DropPath(Rule):
    """Scheduled drop path in the supernet, the first of the two regularisers of R-DARTS.

    Zela et al., "Understanding and Robustifying Differentiable Architecture Search" (arXiv:1909.09656, section 5).

        probability = maximum · progress
        x_j = Σ_i m_ij / (1 − probability) · Σ_k gate_ijk · o_k(x_i),   m_ij ~ Bernoulli(1 − probability) for a sample

    Why. The paper observes that searches fail where the weights overfit the training half: then α sits in a sharp
    minimum of the validation loss (a large dominant eigenvalue of its Hessian, see `EigenvalueStop`), and deriving a
    discrete network from it costs accuracy. More regularisation of the inner problem keeps the eigenvalue small.
    Two forms are tried: drop path together with Cutout, at `maximum` ∈ {0, 0.2, 0.4, 0.6}, and L2.

    R-DARTS(L2) is no rule but a sweep: search with weight_decay ∈ {3, 9, 27, 81} · 10⁻⁴, derive from each, retrain each
    for a short time and keep the best by validation. `python -m darts_pl.search -m weight_decay=3e-4,9e-4,27e-4,81e-4`
    runs the searches, and the sweep's page compares them. R-DARTS(DP) is the same sweep over
    `rules.drop_path.maximum`.

    How. What an edge adds to its node is dropped as a whole, the skip connection among its candidates included, for
    each sample by itself, in train mode, in the alpha step and in the weight step. To drop the operations alone would
    leave the skip as the one path that never fails, and feed it. Draws are seeded by the step. The probability is 0 in
    the first epoch and `maximum` in the last, epoch / (epochs − 1) of it in between; it depends on `progress` alone.
    Choices that are no edges, at a place of a network that no other path leads past, are not dropped.

    With it belongs Cutout whose share of images rises in the same way (`data.cutout=16 data.cutout_rises=true`).

    As the released code (automl/RobustDARTS), whose searches are of second order where the paper's tables are made.
    What it has not: an auxiliary skip (`AuxiliarySkip`), which stays where the mixture beside it is dropped.

    Args:
        maximum: the probability in the last epoch, in [0, 1).

    Raises:
        ConfigError: a probability outside of [0, 1); when training starts, a supernet without edges to drop.
    """

    def __init__(self, maximum: float = 0.2):
        if not 0 <= maximum < 1:
            raise ConfigError(f"rules.drop_path.maximum={maximum}: expected a number from 0 to below 1")
        self.maximum = maximum
        self.probability = 0.0

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Set the probability of all choices for the finished part `progress` in [0, 1]."""
        self.probability = self.maximum * progress
        droppable = [choice for choice in supernet.choices() if choice.droppable]
        if not droppable:
            raise ConfigError(
                "rule=drop_path drops edges of cells: found none in this space, whose choices no other path leads past"
            )
        for choice in droppable:
            choice.drop_path_probability = self.probability

    def figures(self) -> dict[str, float | None]:
        """The probability of the epoch."""
        return {"drop_path_probability": self.probability}
