"""Which parts of a method go together."""

import functools
from collections.abc import Sequence

from darts_pl.errors import ConfigError
from darts_pl.hypergradient import Hypergradient, first, fixed
from darts_pl.rules import Combination, Rule, check_rules


def plain(hypergradient: Hypergradient) -> Hypergradient:
    """The hypergradient itself, without arguments that it was given."""
    return hypergradient.func if isinstance(hypergradient, functools.partial) else hypergradient


def check_method(relaxation, mixing, hypergradient: Hypergradient, rules: Sequence[Rule]) -> None:
    """Raises ConfigError, with the reason, where parts of a method make no sense beside each other."""
    if getattr(mixing, "needs_one_hot", False) and not getattr(relaxation, "one_hot", False):
        raise ConfigError(
            f"mixing={type(mixing).__name__} runs one candidate an edge, so it needs one-hot gates; found "
            f"relaxation={type(relaxation).__name__}. Take relaxation=gumbel with relaxation.hard=true, or mixing=full"
        )
    function = plain(hypergradient)
    if getattr(mixing, "needs_one_hot", False) and function not in (first, fixed):
        raise ConfigError(
            f"mixing={type(mixing).__name__} trains only the candidates that were drawn, but a second order unrolls a "
            "step of all weights, which is not the step that follows. Take hypergradient=first, or mixing=full"
        )
    if not getattr(relaxation, "trains_alphas", True) and function is not fixed:
        raise ConfigError(
            f"relaxation={type(relaxation).__name__} gives gates that do not depend on alpha, so there is nothing to "
            "train. Take hypergradient=fixed, or another relaxation"
        )
    check_rules(rules, Combination(relaxation, mixing, function not in (first, fixed), function is not fixed))


def check_warmup(alpha_warmup_epochs: int, epochs: int) -> None:
    """Raises ConfigError where the alphas would never be updated."""
    if alpha_warmup_epochs >= epochs:
        raise ConfigError(f"alpha_warmup_epochs={alpha_warmup_epochs}: expected less than epochs={epochs}")
