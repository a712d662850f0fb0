"""A search from Python, by the stage that the commands run."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial

import torch
from lightning import LightningDataModule
from torch.utils.data import Dataset

from darts_pl import hypergradient as hypergradients
from darts_pl.api.data import search_data
from darts_pl.api.settings import SearchConfig, SearchResult
from darts_pl.errors import ConfigError, nearest
from darts_pl.hardware import Hardware
from darts_pl.lit import check_warmup
from darts_pl.lit.isolation import random_state_kept
from darts_pl.relaxations import Relaxation
from darts_pl.rules import Rule
from darts_pl.spaces import CellSpace
from darts_pl.spaces.base import Space
from darts_pl.stages.method import ONE_PHASE, Method, build_method
from darts_pl.stages.phases import Phase
from darts_pl.stages.search import Search, Searched
from darts_pl.stages.trainer import TrainerSettings

log = logging.getLogger("darts_pl")

HYPERGRADIENTS = {
    "first": hypergradients.first,
    "finite_difference": hypergradients.finite_difference,
    "exact": hypergradients.exact,
    "fixed": hypergradients.fixed,
}


def search_architecture(
    train_loader: Iterable | Dataset | LightningDataModule,
    valid_loader: Iterable | Dataset | None = None,
    config: SearchConfig | None = None,
    device: str | torch.device = "cpu",
    verbose: bool = False,
) -> SearchResult:
    """Search an architecture: weights train on `train_loader`, alphas on `valid_loader`.

    Args:
        train_loader, valid_loader: sized iterables of batches (x, y) over disjoint data, or data sets of such samples:
            x float (B, C, H, W) and y int64 (B,) in the cell space; with `config.space` what its network takes, x a
            tensor, or a dictionary or tuple of them, y what the task takes. The shorter one starts again within an
            epoch. Both are read through once before the search to count the classes, unless `config.num_classes` says
            how many there are. Or a data module alone: one of `darts_pl.data`, made for searching, is taken as it is;
            of any other the training data are cut in halves, see `UserModuleData`.
        device: `cpu`, `cuda` (`cuda:1` for the second), `mps` or `auto`.
        verbose: show a progress bar and a line an epoch.

    Raises:
        ConfigError: a setting that cannot work. DataError: batches of another form, or an empty loader.
        TrainingError: a loss that is not finite.
    """
    config = config or SearchConfig()
    if config.hypergradient not in HYPERGRADIENTS:
        known = nearest(config.hypergradient, HYPERGRADIENTS)
        raise ConfigError(f"hypergradient={config.hypergradient!r} does not exist. {known}")
    precision = "auto" if config.use_amp else "32-true"
    hardware = Hardware(**Hardware.of_device(device), precision=precision, engine=config.engine)
    _check_counts(config)
    check_warmup(config.alpha_warmup_epochs, config.epochs)
    _check_parts(config)
    space: Space = _cell_space(config) if config.space is None else config.space
    method = _method(config, space)
    with random_state_kept():
        data = search_data(train_loader, valid_loader, config, space)
    with random_state_kept():
        work = Search(
            method,
            space,
            data,
            hardware,
            epochs=config.epochs,
            seed=config.seed,
            trainer=TrainerSettings(progress=verbose),
            guards=config.guards,
            pictures=False,
            report=print if verbose else log.debug,
        )
        found = work.run(work.prepare())
        network = space.network(found.genotype, data.input_shape, data.outputs)
    return _result(found, sum(weight.numel() for weight in network.parameters()))


def _cell_space(config: SearchConfig) -> CellSpace:
    return CellSpace(
        init_channels=config.init_channels,
        layers=config.layers,
        num_nodes=config.num_nodes,
        primitives=config.primitives,
        operations=config.operations,
        stem=config.stem,
    )


def _method(config: SearchConfig, space: Space) -> Method:
    sgd = partial(torch.optim.SGD, lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay)
    first, second = config.arch_betas
    adam = partial(
        torch.optim.Adam,
        lr=config.arch_learning_rate,
        betas=(first, second),
        weight_decay=config.arch_weight_decay,
    )
    return build_method(
        space,
        relaxation=config.relaxation,
        mixing=config.mixing,
        hypergradient=HYPERGRADIENTS[config.hypergradient],
        derivation=config.derivation or space.default_derivation(),
        weights_optimizer=config.weights_optimizer or sgd,
        alphas_optimizer=adam,
        seed=config.seed,
        min_learning_rate=config.min_learning_rate,
        alpha_warmup_epochs=config.alpha_warmup_epochs,
        clip_norm=config.clip_norm,
        rules=config.rules,
        phases=config.phases or ONE_PHASE,
        selection=config.selection,
    )


def _check_parts(config: SearchConfig) -> None:
    """Raises ConfigError where a part is the name or the class of one instead of the part itself."""
    lists = {"rules": (Rule, "[darts_pl.rules.BetaDecay()]"), "phases": (Phase, "[darts_pl.Phase(layers=5)]")}
    for name, (kind, example) in lists.items():
        parts = getattr(config, name)
        whole = isinstance(parts, Sequence) and not isinstance(parts, str)
        for part in parts if whole else [parts]:
            _check_part(name, part, whole and isinstance(part, kind), f"a list such as {example}")
    relaxation = config.relaxation
    _check_part(
        "relaxation",
        relaxation,
        isinstance(relaxation, Relaxation),
        "an object such as darts_pl.relaxations.Gumbel()",
    )
    functions = {
        "mixing": "darts_pl.relaxations.mixing.PartialChannels()",
        "derivation": "darts_pl.derive.Threshold(threshold=0.85)",
        "selection": "darts_pl.Perturbation()",
    }
    for name, example in functions.items():
        part = getattr(config, name)
        fits = callable(part) and not isinstance(part, type)
        fits = fits or (part is None and name != "mixing")
        _check_part(name, part, fits, f"a function or an object such as {example}")


def _check_part(name: str, part: object, fits: bool, example: str) -> None:
    if not fits:
        raise ConfigError(f"{name}: found {part!r}, expected {example}")


def _check_counts(config: SearchConfig) -> None:
    for name, least in (("epochs", 1), ("batch_size", 1), ("num_workers", 0)):
        if getattr(config, name) < least:
            raise ConfigError(f"{name}={getattr(config, name)}: at least {least} is needed")


def _result(found: Searched, parameters: int) -> SearchResult:
    history = found.history
    last = history.rows[-1]
    return SearchResult(
        genotype=found.genotype,
        last_genotype=history.genotype,
        final_train_acc=last.get("train_acc"),
        final_val_acc=last.get("val_acc"),
        history=history.rows,
        alphas=history.snapshots[-1]["alpha"],
        stopped=history.best.get("reason"),
        parameters=parameters,
        selection=found.selection,
    )
