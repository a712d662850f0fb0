"""A search in phases: each begins with a supernet of its own, over the candidates that the one before has left."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from darts_pl.errors import ConfigError, nearest
from darts_pl.spaces.architecture import SearchNetwork


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
    """

    share: float = 1.0
    layers: int | None = None
    keep: int | None = None
    channel_divisor: int | None = None
    continues: bool = False

    def __post_init__(self):
        if self.share <= 0:
            raise ConfigError(f"phase.share={self.share}: expected a positive number")
        for name in ("layers", "keep", "channel_divisor"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"phase.{name}={value}: expected at least 1")


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


def strongest_masks(supernet: SearchNetwork, keep: int) -> dict[str, Tensor]:
    """bool [E, K] a kind: the `keep` candidates with the largest expected gates on every edge, ties to the earlier."""
    masks = {}
    for kind, gates in supernet.expected_gates().items():
        gates = gates.masked_fill(~supernet.kept(kind), -torch.inf)
        order = gates.argsort(dim=1, descending=True, stable=True)[:, :keep]
        masks[kind] = torch.zeros_like(supernet.kept(kind)).scatter_(1, order, True)
        masks[kind] &= supernet.kept(kind)
    return masks


def phases_of(settings: Sequence[Mapping]) -> tuple[Phase, ...]:
    """The phases that a configuration lists; an ordinary single one where it lists none.

    Raises:
        ConfigError: a key that `Phase` does not have, or a value that cannot be.
    """
    known = [field.name for field in dataclasses.fields(Phase)]
    for index, setting in enumerate(settings):
        for key in setting:
            if key not in known:
                raise ConfigError(f"phases[{index}].{key} does not exist. {nearest(key, known)}")
    return tuple(Phase(**setting) for setting in settings) or (Phase(),)
