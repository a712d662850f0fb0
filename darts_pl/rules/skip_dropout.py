"""Dropout behind skip connections (P-DARTS, arXiv:1904.12760)."""

import math
from collections.abc import Iterator, Sequence

from darts_pl.errors import ConfigError
from darts_pl.ops.image import Skip
from darts_pl.rules.base import PhaseStart, Rule
from darts_pl.spaces.base import Supernet


class SkipDropout(Rule):
    """Operation-level dropout of the skip connections, the first half of P-DARTS' regularisation of the search space
    (X. Chen, L. Xie, J. Wu, Q. Tian, "Progressive Differentiable Architecture Search", arXiv:1904.12760, section 3.3;
    the second half is `darts_pl.derive.skip_limit`).

    P-DARTS searches in phases: the supernet becomes deeper while the candidates become fewer
    (`darts_pl.stages.phases`, phases=pdarts). In a deep supernet over few candidates gradient descent favours skip
    connections: they have nothing to learn, so they are the quickest way down for a supernet that is trained for few
    epochs, and cells that consist of them are shallow and do badly when trained to the end. This rule cuts that way
    partly off: in train mode each value that a skip connection hands on is set to zero with probability r and otherwise
    divided by 1 − r, so that the operations with weights have to carry the signal. As r falls, the skips come back and
    can still win on merit.

    With E epochs in a phase, the first w of which train weights only, r in epoch e = 0, 1, … is

        r(e) = p · (E − e − 1) / E                     for e < w
        r(e) = p · exp(−decay · (e − w) / (E − w))     for e ≥ w,

    where p is the phase's entry of `rates`. The jump back to p at e = w is the authors': the logits begin to move when
    the skips are weakest.

    Defaults: `rates` (0, 0.4, 0.7) for the three phases, the paper's choice on CIFAR-10 (the README of the released
    code has 0.1, 0.4, 0.7, its command line 0, 0, 0). `decay` = 3: the released code has exp(−0.2 · (e − 10)) with
    E = 25 and w = 10, and 0.2 · 15 = 3, so that its values come out exactly at its lengths and the same curve at
    others.

    What differs from the released code: it puts a dropout module behind each skip when a phase's rate is above zero,
    here `ops.image.Skip` has the rate itself, so that state dicts do not depend on it. As there only the identity is
    dropped: a skip connection of stride 2 is a `FactorizedReduce` with weights of its own, and stays. Random draws come
    from torch's generator, seeded for the step. Nothing is kept between epochs: r follows from the progress alone.

    Args:
        rates: p of each phase, in [0, 1). decay: see above; 0 keeps r at p after the warm-up.

    Raises:
        ConfigError: a rate outside [0, 1), a negative decay; as many rates as there are phases is a must; at the first
            phase, a supernet without skip connections.
    """

    def __init__(self, rates: Sequence[float] = (0.0, 0.4, 0.7), decay: float = 3.0):
        self.rates, self.decay = tuple(float(rate) for rate in rates), float(decay)
        if not all(0 <= rate < 1 for rate in self.rates):
            raise ConfigError(f"rules.skip_dropout.rates={list(self.rates)}: expected numbers from 0 to below 1")
        if not self.decay >= 0:
            raise ConfigError(f"rules.skip_dropout.decay={decay}: expected a number of at least 0")
        self.start: PhaseStart | None = None
        self.rate = 0.0

    def begin_phase(self, start: PhaseStart) -> None:
        """See `Rule.begin_phase`."""
        if len(self.rates) != start.phases:
            raise ConfigError(
                f"rules.skip_dropout.rates={list(self.rates)}: expected one rate for each of the search's phases, of "
                f"which there are {start.phases}. Take phases=pdarts (three), or give that many rates"
            )
        self.start = start

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Set the rate of every skip connection of stride 1."""
        start = self._begun()
        epoch = round(progress * max(1, start.schedule_epochs - 1)) - start.schedule_start
        self.rate = self.rate_at(epoch)
        skips = list(_skips(supernet))
        if not skips and start.index == 0:
            raise ConfigError("rule=skip_dropout has nothing to drop: skip_connect is not among space.primitives")
        for skip in skips:
            skip.rate = self.rate

    def rate_at(self, epoch: int) -> float:
        """r in `epoch` of the phase, counted from 0."""
        start = self._begun()
        highest, epochs, warmup = self.rates[start.index], start.epochs, start.warmup_epochs
        if epoch < warmup:
            return highest * (epochs - epoch - 1) / epochs
        return highest * math.exp(-self.decay * (epoch - warmup) / (epochs - warmup))

    def _begun(self) -> PhaseStart:
        assert self.start is not None  # each phase is begun before anything else
        return self.start

    def figures(self) -> dict[str, float | None]:
        """The column `skip_dropout`: r of the epoch."""
        return {"skip_dropout": self.rate}


def _skips(supernet: Supernet) -> Iterator[Skip]:
    return (module for module in supernet.modules() if isinstance(module, Skip))
