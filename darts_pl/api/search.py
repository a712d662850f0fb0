"""A search on any pair of loaders."""

import copy
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from darts_pl import hypergradient as hypergradients
from darts_pl.api.settings import SearchConfig, SearchResult
from darts_pl.callbacks import CollapseGuards, SearchHistory
from darts_pl.data.user_loaders import SeededPasses, describe, describe_any
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.genotype import from_json
from darts_pl.hardware import Hardware
from darts_pl.inputs import TensorInput
from darts_pl.lit import SearchModule, check_method, check_warmup
from darts_pl.lit.surroundings import random_state_kept
from darts_pl.relaxations import Relaxation
from darts_pl.rules import Rule
from darts_pl.seeds import derived_seed
from darts_pl.spaces import CellSpace
from darts_pl.spaces.base import Outputs, Space, Supernet
from darts_pl.stages.fitting import Loaders, fit
from darts_pl.stages.trainer import TrainerSettings
from darts_pl.tasks import Classification, Task

log = logging.getLogger("darts_pl")

HYPERGRADIENTS = {
    "first": hypergradients.first,
    "finite_difference": hypergradients.finite_difference,
    "exact": hypergradients.exact,
    "fixed": hypergradients.fixed,
}


def search_architecture(
    train_loader: Iterable | Dataset,
    valid_loader: Iterable | Dataset,
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
            how many there are.
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
    accelerator, _, index = str(device).partition(":")
    if index and not index.isdigit():
        raise ConfigError(f"device={device!r}: expected cpu, cuda, mps or auto, or cuda:1 for the second GPU")
    hardware = Hardware(accelerator=accelerator, precision=precision, index=int(index or 0))
    _check_counts(config)
    check_warmup(config.alpha_warmup_epochs, config.epochs)
    _check_parts(config)
    check_method(config.relaxation, config.mixing, HYPERGRADIENTS[config.hypergradient], config.rules)
    loaders = {
        "weights": _loader(train_loader, config, "train_loader"),
        "alphas": _loader(valid_loader, config, "valid_loader"),
    }
    with random_state_kept():
        space, input_shape, outputs, task = _problem(loaders, config)
    with random_state_kept():
        torch.manual_seed(derived_seed(config.seed, "supernet"))
        relaxation = copy.deepcopy(config.relaxation)  # it anneals; the caller's stays as it was
        supernet = space.supernet(
            input_shape,
            outputs,
            relaxation=relaxation,
            mixing=config.mixing,
            auxiliary_skip=any(rule.auxiliary_skip for rule in config.rules),
        )
        supernet.train()  # also a relaxation that was handed over in eval mode
        module = _module(supernet, task, config, hardware)
        history = SearchHistory(
            None,
            space.derive,
            list(space.primitives),
            space.edges,
            report=print if verbose else log.debug,
            names=space.names_by_kind,
        )
        ordered = {name: SeededPasses(loader, config.seed, name) for name, loader in loaders.items()}
        evaluation = SeededPasses(loaders["alphas"], config.seed, "evaluation")
        fit(
            module,
            Loaders(ordered, valid=evaluation),
            epochs=config.epochs,
            hardware=hardware,
            callbacks=[history, *([CollapseGuards(history, None)] if config.guards else [])],
            title="search",
            trainer=TrainerSettings(progress=verbose),
        )
        network = space.network(from_json(history.best["genotype"]), input_shape, outputs)
    return _result(history, sum(weight.numel() for weight in network.parameters()))


def _problem(loaders: Mapping[str, Iterable], config: SearchConfig) -> tuple[Space, Any, Outputs, Task]:
    """(space, shape of the inputs, outputs, task) of the loaders."""
    if config.space is not None:
        input_shape, outputs, task = describe_any(loaders, config.num_classes, config.task)
        config.space.prepare(input_shape, outputs)
        if config.space.takes_images and isinstance(input_shape, TensorInput):
            input_shape = input_shape.shape
        return config.space, input_shape, outputs, task
    input_shape, num_classes = describe(loaders, config.num_classes)
    space = CellSpace(
        init_channels=config.init_channels,
        layers=config.layers,
        num_nodes=config.num_nodes,
        primitives=config.primitives,
        operations=config.operations,
        stem=config.stem,
    )
    return space, input_shape, num_classes, config.task or Classification(num_classes)


def _check_parts(config: SearchConfig) -> None:
    """Raises ConfigError where a part is the name or the class of one instead of the part itself."""
    rules = config.rules if isinstance(config.rules, Sequence) and not isinstance(config.rules, str) else [config.rules]
    found = [("relaxation", config.relaxation, Relaxation, "darts_pl.relaxations.Gumbel()")]
    found += [("rules", rule, Rule, "a list such as [darts_pl.rules.BetaDecay()]") for rule in rules]
    for name, part, kind, example in found:
        if not isinstance(part, kind):
            raise ConfigError(f"{name}: found {part!r}, expected an object such as {example}")
    if not callable(config.mixing) or isinstance(config.mixing, type):
        raise ConfigError(
            f"mixing: found {config.mixing!r}, expected a function or an object such as "
            "darts_pl.relaxations.mixing.PartialChannels()"
        )
    if not isinstance(config.rules, Sequence):
        raise ConfigError(f"rules: found {config.rules!r}, expected a list of rules")


def _check_counts(config: SearchConfig) -> None:
    for name, least in (("epochs", 1), ("batch_size", 1), ("num_workers", 0)):
        if getattr(config, name) < least:
            raise ConfigError(f"{name}={getattr(config, name)}: at least {least} is needed")


def _loader(data: Iterable | Dataset, config: SearchConfig, name: str) -> Iterable:
    if isinstance(data, Dataset):
        single = len(data) % config.batch_size == 1 < len(data)  # BatchNorm cannot train on one sample
        workers = config.num_workers
        data = DataLoader(data, config.batch_size, shuffle=True, num_workers=workers, drop_last=single)
    if not hasattr(data, "__len__"):
        raise DataError(f"{name}: found {type(data).__name__} without a length, expected a loader or a data set")
    if len(data) == 0:
        raise DataError(f"{name} has no batch")
    return data


def _module(supernet: Supernet, task: Task, config: SearchConfig, hardware: Hardware) -> SearchModule:
    weights_optimizer = config.weights_optimizer or partial(
        torch.optim.SGD, lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
    )
    alphas_optimizer = partial(
        torch.optim.Adam,
        lr=config.arch_learning_rate,
        betas=tuple(config.arch_betas),
        weight_decay=config.arch_weight_decay,
    )
    return SearchModule(
        supernet,
        HYPERGRADIENTS[config.hypergradient],
        weights_optimizer,
        alphas_optimizer,
        task=task,
        epochs=config.epochs,
        seed=config.seed,
        min_learning_rate=config.min_learning_rate,
        alpha_warmup_epochs=config.alpha_warmup_epochs,
        clip_norm=config.clip_norm,
        channels_last=hardware.runs_channels_last(supernet),
        rules=copy.deepcopy(list(config.rules)),
    )


def _result(history: SearchHistory, parameters: int) -> SearchResult:
    last = history.rows[-1]
    return SearchResult(
        genotype=from_json(history.best["genotype"]),
        last_genotype=history.genotype,
        final_train_acc=last.get("train_acc"),
        final_val_acc=last.get("val_acc"),
        history=history.rows,
        alphas=history.snapshots[-1]["alpha"],
        stopped=history.best.get("reason"),
        parameters=parameters,
    )
