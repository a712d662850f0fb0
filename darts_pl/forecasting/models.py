"""Supernets of candidates and what is derived of them, made in Python."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from darts_pl.forecasting.in_memory import space_of
from darts_pl.forecasting.setup import Setup
from darts_pl.genotype import SeriesGenotype
from darts_pl.lit.isolation import random_state_kept
from darts_pl.schema import DARTSConfig
from darts_pl.seeds import derived_seed
from darts_pl.spaces.series import SeriesNetwork, SeriesSupernet
from darts_pl.stages.pipeline.candidates import draw


class Derived(NamedTuple):
    """A derived network, with fresh weights, and its genotype."""

    model: SeriesNetwork
    genotype: SeriesGenotype


def create_supernet(setup: Setup, config: DARTSConfig, settings: Mapping[str, Any] | None, seed: int) -> SeriesSupernet:
    """The supernet of `settings` of a `SeriesSpace`, else of a candidate drawn from the configured ranges."""
    parts = setup.parts(config)
    if settings is None:
        settings = draw(setup.plan(config).ranges, torch.Generator().manual_seed(derived_seed(seed, "candidate")))
    space, relaxation = parts.make_space(settings), copy.deepcopy(parts.relaxation)
    skip = any(rule.auxiliary_skip for rule in parts.method(space).rules)
    with random_state_kept():
        torch.manual_seed(derived_seed(seed, "supernet"))
        return space.supernet(
            setup.shape, setup.shape.targets, relaxation=relaxation, mixing=parts.mixing, auxiliary_skip=skip
        )


def derive(setup: Setup, config: DARTSConfig, model: SeriesSupernet) -> Derived:
    """What the rule of `config` derives of the present alphas of `model`."""
    space = space_of(model)
    genotype = space.derive(model.strengths(), derivation=setup.parts(config).method(space).derivation)
    with random_state_kept():
        torch.manual_seed(derived_seed(config.seed, "derived"))
        return Derived(space.network(genotype, model.shape, model.shape.targets), genotype)
