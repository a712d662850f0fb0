"""Which parts of a search method make no sense beside each other."""

import functools
from collections.abc import Sequence

import torch

from darts_pl.errors import ConfigError
from darts_pl.hypergradient import Hypergradient, first, fixed
from darts_pl.relaxations import Relaxation
from darts_pl.relaxations.mixing import MixingFunction, as_mixing
from darts_pl.rules import Combination, Rule, check_rules


def without_arguments(hypergradient: Hypergradient) -> Hypergradient:
    """The function behind a hypergradient that was given some of its arguments."""
    return hypergradient.func if isinstance(hypergradient, functools.partial) else hypergradient


def check_method(
    relaxation: Relaxation, mixing: MixingFunction, hypergradient: Hypergradient, rules: Sequence[Rule]
) -> None:
    """Raises ConfigError, with the reason, where parts of a method make no sense beside each other."""
    mixing = as_mixing(mixing)
    if mixing.needs_one_hot and not relaxation.one_hot:
        raise ConfigError(
            f"mixing={mixing.name} runs one candidate an edge, so it needs one-hot gates; found "
            f"relaxation={type(relaxation).__name__}. Take relaxation=gumbel with relaxation.hard=true, or mixing=full"
        )
    order = without_arguments(hypergradient)
    if mixing.needs_one_hot and order not in (first, fixed):
        raise ConfigError(
            f"mixing={mixing.name} trains only the candidates that were drawn, but a second order unrolls a "
            "step of all weights, which is not the step that follows. Take hypergradient=first, or mixing=full"
        )
    if not relaxation.trains_alphas and order is not fixed:
        raise ConfigError(
            f"relaxation={type(relaxation).__name__} gives gates that do not depend on alpha, so there is nothing to "
            "train. Take hypergradient=fixed, or another relaxation"
        )
    check_rules(rules, Combination(relaxation, mixing, order not in (first, fixed), order is not fixed))


def check_warmup(alpha_warmup_epochs: int, epochs: int) -> None:
    """Raises ConfigError where the alphas would never be updated."""
    if alpha_warmup_epochs >= epochs:
        raise ConfigError(f"alpha_warmup_epochs={alpha_warmup_epochs}: expected less than epochs={epochs}")


def check_unrolls(optimizer: torch.optim.Optimizer) -> None:
    """Raises ConfigError where a second order cannot unroll the step that `optimizer` takes."""
    group = optimizer.param_groups[0]
    if not isinstance(optimizer, torch.optim.SGD) or group["nesterov"] or group["dampening"]:
        raise ConfigError(
            "the second-order hypergradient unrolls a plain SGD step, found weights_optimizer "
            f"{type(optimizer).__name__} (nesterov or dampening included). Use torch.optim.SGD, or "
            "hypergradient=first."
        )


def check_accumulates(batches: int, found: Sequence[str]) -> None:
    """Raises ConfigError where a step is of several `batches` and there are parts that look at the one of a step."""
    if batches > 1 and found:
        raise ConfigError(
            f"trainer.accumulate_grad_batches={batches}: {' and '.join(found)} looks at the one batch of a step. "
            "Take hypergradient=first and leave such rules out, or take a smaller batch_size"
        )
