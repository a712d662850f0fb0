"""Which parts of a method make no sense beside each other, told before any work."""

from collections.abc import Sequence

from darts_pl.derive import NONE, Derivation, Strongest, Threshold
from darts_pl.errors import ConfigError
from darts_pl.hypergradient import Hypergradient, fixed
from darts_pl.lit.checks import check_method, without_arguments
from darts_pl.relaxations import Relaxation
from darts_pl.relaxations.mixing import Mixing, MixingFunction, as_mixing
from darts_pl.rules import Rule
from darts_pl.spaces.base import Space
from darts_pl.stages.phases import Phase
from darts_pl.stages.selection import Sampled, Selection


def check_parts(
    *,
    space: Space,
    relaxation: Relaxation,
    mixing: MixingFunction,
    hypergradient: Hypergradient,
    rules: Sequence[Rule],
    derivation: Derivation,
    phases: Sequence[Phase],
    selection: Selection | None,
) -> None:
    """Look at all parts of a search together.

    Raises:
        ConfigError: two of them do not go together; the message has the reason and what to take instead.
    """
    for key, part, kind in (("space", space, Space), ("relaxation", relaxation, Relaxation)):
        _check_kind(key, part, kind)
    for rule in rules:
        _check_kind("rules", rule, Rule)
    mixing = as_mixing(mixing)
    check_method(relaxation, mixing, hypergradient, rules)
    space.check_derivation(derivation)
    if isinstance(derivation, Threshold):
        _check_threshold(relaxation, mixing)
    may_be_none = isinstance(derivation, Strongest) and derivation.none and NONE in space.primitives
    if may_be_none and not relaxation.simplex:
        raise ConfigError(
            f"relaxation={type(relaxation).__name__} with derivation=strongest: an independent gate of 'none' gets no "
            "gradient, so chance would decide about it. Leave 'none' out of space.primitives"
        )
    if not relaxation.trains_alphas and selection is None:
        raise ConfigError(
            f"relaxation={type(relaxation).__name__}: its gates say nothing about architectures, so none can be "
            "derived from them. Take selection=sampled"
        )
    _check_phases(relaxation, mixing, hypergradient, phases, selection)
    _check_stops(rules, phases, selection)


def _check_kind(key: str, part: object, kind: type) -> None:
    if not isinstance(part, kind):
        found = part.__name__ if isinstance(part, type) else type(part).__name__
        raise ConfigError(f"{key}: found {found}, expected one of a subclass of {kind.__module__}.{kind.__name__}")


def _check_threshold(relaxation: Relaxation, mixing: Mixing) -> None:
    if relaxation.simplex:
        raise ConfigError(
            f"derivation=threshold with relaxation={type(relaxation).__name__}: gates of an edge that sum to one "
            "hardly ever reach a threshold of their own. Take relaxation=sigmoid, or derivation=top_edges"
        )
    if mixing.edge_normalization:
        raise ConfigError(
            "derivation=threshold with edge normalisation: gates times edge weights cannot reach a threshold for "
            "gates. Take mixing.edge_normalization=false, or derivation=top_edges"
        )


def _check_phases(
    relaxation: Relaxation,
    mixing: Mixing,
    hypergradient: Hypergradient,
    phases: Sequence[Phase],
    selection: Selection | None,
) -> None:
    for phase in phases:
        if phase.channel_divisor is not None:
            mixing.with_divisor(phase.channel_divisor)
    if all(phase.keep is None for phase in phases):
        return
    if not relaxation.trains_alphas or without_arguments(hypergradient) is fixed:
        raise ConfigError(
            "phases that drop candidates go by the gates, which are never trained here. Take phases=single, or a "
            "hypergradient other than fixed with a relaxation of alphas"
        )
    if isinstance(selection, Sampled):
        raise ConfigError(
            "selection=sampled draws architectures from the whole space, but these phases drop candidates. Take "
            "phases=single, or selection=derived"
        )


def _check_stops(rules: Sequence[Rule], phases: Sequence[Phase], selection: Selection | None) -> None:
    stopping = [type(rule).__name__ for rule in rules if rule.stops]
    if stopping and selection is not None:
        raise ConfigError(
            f"{stopping[0]} goes back to the architecture of an earlier epoch, while this selection goes by the "
            "supernet as it ends. Take selection=derived, or leave the rule out"
        )
    if stopping and len(phases) > 1:
        raise ConfigError(
            f"{stopping[0]} ends the whole search, in a first phase before candidates were dropped. Take "
            "phases=single, or leave the rule out"
        )
