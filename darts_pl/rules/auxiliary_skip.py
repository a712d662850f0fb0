"""DARTS-: an auxiliary skip connection that fades out over the search, or is held until derivation."""

import math

from darts_pl.errors import ConfigError, nearest
from darts_pl.rules.base import Rule
from darts_pl.spaces.base import Supernet

DECAYS = {
    "linear": lambda progress: 1 - progress,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
    "constant": lambda progress: 1.0,
}


class AuxiliarySkip(Rule):
    """An auxiliary skip connection beside every choice, whose weight falls from `start` to 0 over the search, or stays.

    Chu et al., "DARTS-: Robustly Stepping out of Performance Collapse without Indicators" (arXiv:2009.01027,
    section 3).

        y(x) = Σ_k p_k · o_k(x) + b(progress) · skip(x)

    Why. In a supernet a skip connection does two things: it is a candidate, and it lets gradients through, as in a
    ResNet. The second makes its gate grow whether or not it belongs into the derived network, until the search
    collapses to cells of skip connections. An additional skip on every edge takes that role over, so that the
    candidate competes by what it computes alone. The derived network has no auxiliary skip, therefore the paper lets b
    be gone by then: b = start · (1 − progress) (`linear`, the released script's), or start · (1 + cos(π · progress)) /
    2 (`cosine`). With `constant` b = start until the architecture is derived (the released code without its --decay):
    gradients reach every cell all along, and no skip is preferred late. The supernet's own validation accuracy is then
    that of another network.

    How. `MixedOperation` holds the auxiliary module, built as the candidate skip_connect is, over all channels also
    under partial channels: an identity, where the stride is 2 a FactorizedReduce with weights of its own. It acts in
    both steps and in validation; `Supernet.forward_as_derived`, and with it everything about derived networks, leaves
    it out. Where b falls, the last epoch trains with b = 0, so that its alphas and its validation accuracy are those of
    a supernet without it. b depends on `progress` alone, so that resuming needs no state.

    Differences from the released code (Meituan-AutoML/DARTS-): there b = 1 − epoch / epochs, not quite 0 in the last
    epoch. Its slow_cosine, cos(π / 2 · progress), is left out, and so is its convolution 1x1 in place of the identity.

    Args:
        start: b in the first epoch. decay: linear, cosine or constant.

    Raises:
        ConfigError: a negative start, an unknown decay.
    """

    auxiliary_skip = True

    def __init__(self, start: float = 1.0, decay: str = "linear"):
        if start < 0:
            raise ConfigError(f"rules.auxiliary_skip.start={start}: expected a number of at least 0")
        if decay not in DECAYS:
            raise ConfigError(f"rules.auxiliary_skip.decay={decay!r} is not known. {nearest(decay, DECAYS)}")
        self.start, self.decay = start, decay
        self.weight = start

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Set the weight of all auxiliary skips for the finished part `progress` in [0, 1]."""
        self.weight = self.start * DECAYS[self.decay](progress)
        for choice in supernet.choices():
            choice.auxiliary_weight = self.weight

    def figures(self) -> dict[str, float | None]:
        """The weight of the epoch."""
        return {"auxiliary_weight": self.weight}
