"""An implementation by others that the engines are compared with, from a file that the user names."""

import importlib.util
from pathlib import Path
from types import ModuleType

import torch

from darts_pl.errors import ConfigError
from darts_pl.stages.benchmark.speed.settings import Case, Speed
from darts_pl.stages.benchmark.speed.subjects import (
    ARCH_BETAS,
    ARCH_LEARNING_RATE,
    ARCH_WEIGHT_DECAY,
    CLASSES,
    LEARNING_RATE,
    MOMENTUM,
    WEIGHT_DECAY,
    Batches,
    Subject,
)

NAMES = ("Supernet", "search_step", "loss_of")


def naive_subject(path: Path, speed: Speed, case: Case, batches: Batches) -> Subject:
    """The step of the file at `path`, which runs as code. It has `Supernet(c=…, classes=…, layers=…)` with a list
    `alphas`, `search_step(net, w_opt, a_opt, train, val, order)` and `loss_of(net, batch)`.

    Raises:
        ConfigError: it cannot be run, or lacks one of these.
    """
    module = _loaded(path)
    network = module.Supernet(c=speed.channels, classes=CLASSES, layers=speed.layers)
    weights = torch.optim.SGD(network.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    alphas = torch.optim.Adam(network.alphas, ARCH_LEARNING_RATE, betas=ARCH_BETAS, weight_decay=ARCH_WEIGHT_DECAY)

    def step(given: Batches) -> None:
        module.search_step(network, weights, alphas, given.train, given.valid, case.order)

    def loss(given: Batches) -> torch.Tensor:
        found: torch.Tensor = module.loss_of(network, given.train)
        return found

    return Subject(step, loss, [*network.parameters(), *network.buffers()], batches)


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("naive_implementation", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"naive={path}: expected a file of Python, whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise ConfigError(f"naive={path} cannot be run: {error}") from error
    if missing := [name for name in NAMES if not hasattr(module, name)]:
        raise ConfigError(f"naive={path}: found no {missing[0]!r} in it, expected {', '.join(NAMES)}")
    return module
