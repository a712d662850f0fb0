"""A search in phases: each begins with a supernet of its own, over the candidates that the one before has left.

Two methods are made of phases.

P-DARTS (X. Chen, L. Xie, J. Wu, Q. Tian, arXiv:1904.12760, sections 3.2 and 3.3; conf/phases/pdarts.yaml). A network of
20 cells is derived from a supernet of 8: what is best in the shallow one need not be in the deep one (the "depth gap").
P-DARTS makes the supernet deeper in three steps, 5, 11 and 17 cells, and pays for the depth with fewer candidates, 8, 5
and 3 on every edge: after each phase those with the lowest softmax(alpha) of an edge are dropped. Alphas and weights
begin anew in each phase, the alphas stand still for the first 10 of its 25 epochs, and each phase has a cosine of its
own. With it belong `SkipDropout` (rule=skip_dropout) and `derive.skip_limit` (derivation=skip_limit). The paper trains
at batch size 96, learning rate 0.025 → 0, alpha learning rate 6e-4. After the last phase the released code drops all
but one candidate of each edge, never leaving `none`, and takes the two strongest edges of each node: that is the
ordinary derivation, so no phase is spent on it here. In NAS-Bench-201, where `none` could be derived, it is
derivation=strongest with derivation.none=false. The code derives after the last epoch (selection=last, as in the
experiments). It also clips the alphas' gradient and validates in the last 5 epochs only; we do neither.

DrNAS, progressive (X. Chen et al., arXiv:2006.10355, section 3.3; conf/phases/drnas.yaml). Two phases of 25 epochs with
partial channels: first all 7 candidates (no `none`) on one channel in 6, then the 4 strongest of each edge on one in 4.
The second phase goes on with the first's weights, its candidates widened (`darts_pl.spaces.widening`, where the
differences from the released code stand), and with its alphas, the dropped ones masked; one cosine spans both; the
alphas stand still for the first 10 epochs of each. Take init_channels that both divisors divide: 36 in the paper.
The released code keeps Adam's averages and SGD's momenta from the first phase, here both begin anew.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from darts_pl.derive import NONE
from darts_pl.errors import ConfigError, nearest
from darts_pl.spaces.base import Supernet


@dataclass(frozen=True)
class Phase:
    """One phase of a search; the defaults are the whole of an ordinary one.

    Args:
        share: its part of the run's epochs, relative to the other phases'.
        layers: depth of its supernet; None for the space's.
        keep: candidates left on every edge when it begins; None for all that there are.
        channel_divisor: of the mixing in this phase; None for the mixing's own.
        continues: take alphas and weights over from the phase before, with one learning-rate schedule for both;
            otherwise both begin anew.
        alpha_warmup_share: the part of its epochs, in [0, 1), that trains weights only, 0.4 for 10 of 25, rounded and
            never all of them; None for the run's `alpha_warmup_epochs`, counted from the phase's beginning.

    Raises:
        ConfigError: a value out of range.
    """

    share: float = 1.0
    layers: int | None = None
    keep: int | None = None
    channel_divisor: int | None = None
    continues: bool = False
    alpha_warmup_share: float | None = None

    def __post_init__(self) -> None:
        if self.share <= 0:
            raise ConfigError(f"phase.share={self.share}: expected a positive number")
        for name in ("layers", "keep", "channel_divisor"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"phase.{name}={value}: expected at least 1")
        if self.alpha_warmup_share is not None and not 0 <= self.alpha_warmup_share < 1:
            raise ConfigError(
                f"phase.alpha_warmup_share={self.alpha_warmup_share}: expected a number from 0 to below 1"
            )

    def warmup(self, epochs: int) -> dict[str, int]:
        """The setting of `SearchModule` for this phase of `epochs` epochs; empty to leave it as the run has it."""
        if self.alpha_warmup_share is None:
            return {}
        return {"alpha_warmup_epochs": min(epochs - 1, round(epochs * self.alpha_warmup_share))}


@dataclass(frozen=True)
class Schedule:
    """The epochs of all phases.

    Args:
        phases: at least one; the first does not continue. lengths: epochs of each.
    """

    phases: Sequence[Phase]
    lengths: Sequence[int]

    def elapsed(self, index: int) -> int:
        """Epochs before the phase `index`."""
        return sum(self.lengths[:index])

    def span(self, index: int) -> tuple[int, int]:
        """(epoch at which the learning rate's schedule of the phase begins, its length): phases that continue one
        another share one."""
        first, end = index, index + 1
        while first and self.phases[first].continues:
            first -= 1
        while end < len(self.phases) and self.phases[end].continues:
            end += 1
        return self.elapsed(first), self.elapsed(end) - self.elapsed(first)


def schedule_of(phases: Sequence[Phase], epochs: int) -> Schedule:
    """`epochs` cut by the phases' shares, at least one each.

    Raises:
        ConfigError: no phase, fewer epochs than phases, a first phase that continues.
    """
    if not phases:
        raise ConfigError("phases: found none, expected at least one")
    if phases[0].continues:
        raise ConfigError("phases[0].continues=true: there is no phase before the first. Leave it out")
    return Schedule(tuple(phases), epochs_of(phases, epochs))


def epochs_of(phases: Sequence[Phase], epochs: int) -> list[int]:
    """Epochs of each phase: `epochs` cut by the shares, at least one each.

    Raises:
        ConfigError: fewer epochs than phases.
    """
    if epochs < len(phases):
        raise ConfigError(f"epochs={epochs}: a search in {len(phases)} phases needs at least as many")
    total, ends, done = sum(phase.share for phase in phases), [], 0.0
    for phase in phases:
        done += phase.share
        ends.append(round(epochs * done / total))
    lengths = [end - start for start, end in zip([0, *ends], ends)]
    while min(lengths) < 1:
        lengths[lengths.index(max(lengths))] -= 1
        lengths[lengths.index(min(lengths))] += 1
    return lengths


def strongest_masks(supernet: Supernet, keep: int | None) -> dict[str, Tensor]:
    """bool [E, K] a kind: the `keep` candidates with the largest expected gates on every edge, ties to the earlier; all
    that are left where there are no more, or with None. `none` competes like the others, except that it is never the
    only one left: nothing could be derived from such an edge."""
    names_of = {cell.kind: next(iter(cell.mixed_operations().values())).names for cell in supernet.cells}
    masks = {}
    for kind, gates in supernet.expected_gates().items():
        kept, names = supernet.kept(kind), names_of[kind]
        if keep == 1 and NONE in names:
            kept = kept & (torch.tensor([name != NONE for name in names], device=kept.device))
        gates = gates.masked_fill(~kept, -torch.inf)
        order = gates.argsort(dim=1, descending=True, stable=True)[:, :keep]
        masks[kind] = torch.zeros_like(kept).scatter_(1, order, True) & kept
    return masks


def phases_of(settings: Sequence[Mapping[str, Any]]) -> tuple[Phase, ...]:
    """The phases that a configuration lists; an ordinary single one where it lists none.

    Raises:
        ConfigError: a key that `Phase` does not have, or a value that cannot be.
    """
    known = [field.name for field in dataclasses.fields(Phase)]
    for index, setting in enumerate(settings):
        if not isinstance(setting, Mapping):
            raise ConfigError(f"phases[{index}]: found {setting!r}, expected keys and values. {nearest('', known)}")
        for key in setting:
            if key not in known:
                raise ConfigError(f"phases[{index}].{key} does not exist. {nearest(key, known)}")
    return tuple(Phase(**setting) for setting in settings) or (Phase(),)
