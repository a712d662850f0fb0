"""PipelineParts from a composed configuration, in the process that asks and again in every worker."""

import importlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from hydra.utils import instantiate

from darts_pl.commands.trainer import deadline_of, hardware_of, trainer_settings
from darts_pl.data.series import WindowDataModule
from darts_pl.errors import ConfigError, known_arguments
from darts_pl.lit import RetrainModule, SearchModule, check_warmup
from darts_pl.spaces.series import SeriesSpace
from darts_pl.stages.method import Method, configured_method
from darts_pl.stages.pipeline.parts import PartsFactory, PipelineParts, SingleLevelModule


def parts_factory(config: Mapping[str, Any]) -> PartsFactory:
    """What makes the parts of `config` (plain values, as in conf/pipeline.yaml) in any process."""
    return partial(build_parts, json.dumps(config), deadline_of(config))


def build_parts(text: str, deadline: float | None = None) -> PipelineParts:
    """The parts of a configuration in JSON.

    Args:
        deadline: see `trainer_settings`.

    Raises:
        ConfigError: parts that do not go together, or a search that would never update its alphas.
    """
    config = json.loads(text)
    for name in config["space"]["imports"]:
        _import(name)
    train, final, seed = config["train"], config["final"], config["seed"]
    check_warmup(train["alpha_warmup_epochs"], train["epochs"])
    retraining = partial(
        RetrainModule,
        seed=seed,
        min_learning_rate=final["min_learning_rate"],
        clip_norm=final["clip_norm"],
        drop_path=0.0,
        patience=final["patience"],
        average=final["average"],
        keep_best=True,
    )
    optimizer = instantiate(config["final_optimizer"])
    return PipelineParts(
        seed=seed,
        hardware=hardware_of(config),
        trainer=trainer_settings(config, deadline),
        make_space=make_space,
        search_data=partial(_data, config["data"], "search", train, seed),
        final_data=partial(_data, config["data"], "retrain", final, seed),
        baseline_data=partial(_data, config["data"], "retrain", {**final, "loss": final["baseline_loss"]}, seed),
        relaxation=instantiate(config["relaxation"]),
        mixing=instantiate(config["mixing"]),
        method=partial(_method, config),
        search_epochs=train["epochs"],
        make_module=partial(retraining, optimizer=optimizer),
        make_baseline_module=partial(
            retraining, optimizer=partial(optimizer, lr=final["baseline_learning_rate"], weight_decay=0.0)
        ),
    )


def _import(name: str) -> None:
    """Import a module of the user's that registers operations."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"space.imports: cannot import {name!r}: {error}") from error


def make_space(settings: Mapping[str, Any]) -> SeriesSpace:
    """The space of a candidate.

    Raises:
        ConfigError: a setting that spaces do not have, or that cannot be.
    """
    return known_arguments(SeriesSpace)(**settings)


def _data(data: Mapping[str, Any], purpose: str, recipe: Mapping[str, Any], seed: int) -> WindowDataModule:
    """Prepared data with loaders at their beginning."""
    settings = {"purpose": purpose, "batch_size": recipe["batch_size"], "seed": seed, "loss": recipe["loss"]}
    if recipe.get("max_windows") is not None:
        settings["limit_train"] = recipe["max_windows"]
    module = instantiate(data, _convert_="all", **settings)
    module.prepare()
    return module


def _method(config: Mapping[str, Any], space: SeriesSpace) -> Method:
    """The search method that the configuration composes, once its parts are known to fit each other and `space`."""
    train = config["train"]
    module = SearchModule if train["use_bilevel_optimization"] else SingleLevelModule
    method = configured_method(config, train, space, module)
    if config["multi_fidelity"]["rungs"] > 1 and (ending := [rule for rule in method.rules if rule.stops]):
        names = ", ".join(type(rule).__name__ for rule in ending)
        raise ConfigError(f"{names} ends searches early, and so do rungs. Take multi_fidelity.rungs=1, or leave it out")
    return method
