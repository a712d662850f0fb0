"""A search method put together from its parts: the one place for the commands, the staged pipeline and Python."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hydra.utils import instantiate

from darts_pl.derive import Derivation, as_derivation
from darts_pl.hypergradient import Hypergradient
from darts_pl.lit import SearchModule
from darts_pl.lit.optimizers import OptimizerFactory
from darts_pl.relaxations import Relaxation
from darts_pl.rules import Rule
from darts_pl.spaces.base import MixingFunction, Space
from darts_pl.stages.compatibility import check_parts
from darts_pl.stages.phases import Phase, phases_of
from darts_pl.stages.selection import Selection

ONE_PHASE = (Phase(),)


@dataclass(frozen=True)
class Method:
    """The parts that make a search method.

    Args:
        derivation: gates of a cell → its discrete cell, see `darts_pl.derive`.
        make_module: `(supernet, task=…, channels_last=…, epochs=…, rules=…, …) -> SearchModule`.
        selection: chooses the genotype after the search; None takes the best epoch's, or a rule's.
    """

    relaxation: Relaxation
    mixing: MixingFunction
    derivation: Derivation
    make_module: Callable[..., SearchModule]
    rules: Sequence[Rule] = ()
    phases: Sequence[Phase] = ONE_PHASE
    selection: Selection | None = None


def build_method(
    space: Space,
    *,
    relaxation: Relaxation,
    mixing: MixingFunction,
    hypergradient: Hypergradient,
    derivation: Derivation,
    weights_optimizer: OptimizerFactory,
    alphas_optimizer: OptimizerFactory,
    seed: int,
    min_learning_rate: float,
    alpha_warmup_epochs: int,
    clip_norm: float,
    rules: Sequence[Rule] = (),
    phases: Sequence[Phase] = ONE_PHASE,
    selection: Selection | None = None,
    module: type[SearchModule] = SearchModule,
) -> Method:
    """The method of these parts, once they are known to fit each other and `space`.

    Args:
        module: what takes the steps; the other arguments are those of `SearchModule` and `Method`.

    Raises:
        ConfigError: two parts that do not go together, see `check_parts`.
    """
    derivation = as_derivation(derivation)
    check_parts(
        space=space,
        relaxation=relaxation,
        mixing=mixing,
        hypergradient=hypergradient,
        rules=rules,
        derivation=derivation,
        phases=phases,
        selection=selection,
    )
    make_module = partial(
        module,
        hypergradient=hypergradient,
        weights_optimizer=weights_optimizer,
        alphas_optimizer=alphas_optimizer,
        seed=seed,
        min_learning_rate=min_learning_rate,
        alpha_warmup_epochs=alpha_warmup_epochs,
        clip_norm=clip_norm,
    )
    return Method(relaxation, mixing, derivation, make_module, rules, phases, selection)


def configured_method(
    config: Mapping[str, Any], training: Mapping[str, Any], space: Space, module: type[SearchModule] = SearchModule
) -> Method:
    """The method that the groups of a command's configuration compose.

    Args:
        config: plain values: the groups and the seed. training: the section with `min_learning_rate`,
            `alpha_warmup_epochs` and `clip_norm`. space, module: see `build_method`.

    Raises:
        ConfigError: a part that cannot be, or see `build_method`.
    """
    return build_method(
        space,
        relaxation=instantiate(config["relaxation"]),
        mixing=instantiate(config["mixing"]),
        hypergradient=instantiate(config["hypergradient"]),
        derivation=instantiate(config["derivation"]),
        weights_optimizer=instantiate(config["weights_optimizer"]),
        alphas_optimizer=instantiate(config["alphas_optimizer"]),
        seed=config["seed"],
        min_learning_rate=training["min_learning_rate"],
        alpha_warmup_epochs=training["alpha_warmup_epochs"],
        clip_norm=training["clip_norm"],
        rules=list(instantiate(config["rules"]).values()),
        phases=phases_of(config.get("phases", ())),
        selection=instantiate(config.get("selection", {})) or None,
        module=module,
    )
