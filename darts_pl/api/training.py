"""Training a network from Python: the loop that retrains derived networks, on any loaders."""

import logging
from collections.abc import Callable, Iterable
from functools import partial

import torch
import torch.nn as nn
from torch import Tensor
from torch.utils.data import Dataset

from darts_pl.api.data import sized_loader
from darts_pl.callbacks import History
from darts_pl.data.user_loaders import Loaders, SeededPasses, describe_any
from darts_pl.errors import ConfigError
from darts_pl.hardware import Hardware
from darts_pl.lit import RetrainModule
from darts_pl.lit.isolation import lightning_at, random_state_kept
from darts_pl.spaces.base import trainable
from darts_pl.stages.fitting import fit
from darts_pl.stages.trainer import TrainerSettings
from darts_pl.tasks import Task

log = logging.getLogger("darts_pl")


def train_network(
    network: nn.Module,
    train_loader: Iterable | Dataset,
    test_loader: Iterable | Dataset,
    *,
    epochs: int = 20,
    learning_rate: float = 0.025,
    batch_size: int = 64,
    optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer] | None = None,
    task: Task | None = None,
    num_classes: int | None = None,
    clip_norm: float = 5.0,
    seed: int = 0,
    device: str | torch.device = "cpu",
    verbose: bool = False,
) -> dict[str, float]:
    """Train `network` in place, such as a space's `network(genotype)`, and test it once at the end.

    Args:
        train_loader, test_loader: as of `search_architecture`.
        epochs, learning_rate: the rate falls to 0 on half a cosine. batch_size: where data sets are given.
        optimizer: `parameters -> optimiser`; None: SGD with momentum 0.9 and weight decay 3e-4.
        task, num_classes: see `SearchConfig`. clip_norm: global norm to which gradients are clipped; 0 leaves them.
        device, verbose: as of `search_architecture`.

    Returns:
        `test_loss` and the task's metrics, such as `test_acc`, `parameters` and `seconds`. The network is in eval mode
        on the CPU.

    Raises:
        ConfigError: fewer than one epoch, a network with choices in it, no device's name. DataError: see
            `search_architecture`. TrainingError: a loss that is not finite.
    """
    if epochs < 1:
        raise ConfigError(f"epochs={epochs}: at least 1 is needed")
    train = sized_loader(train_loader, "train_loader", batch_size)
    test = sized_loader(test_loader, "test_loader", batch_size, shuffle=False)
    with random_state_kept():
        task = describe_any({"train_loader": train, "test_loader": test}, num_classes, task)[2]
    hardware = Hardware(**Hardware.of_device(device), precision="32-true")
    sgd = partial(torch.optim.SGD, lr=learning_rate, momentum=0.9, weight_decay=3e-4)
    with random_state_kept(), lightning_at(logging.WARNING):
        module = RetrainModule(
            trainable(network.train()),
            optimizer or sgd,
            task=task,
            epochs=epochs,
            seed=seed,
            clip_norm=clip_norm,
            drop_path=0.0,
            channels_last=hardware.runs_channels_last(network),
        )
        history = History(None, "train", report=print if verbose else log.debug)
        data = Loaders(SeededPasses(train, seed, "weights"), test=SeededPasses(test, seed, "test"))
        fitted = fit(
            module,
            data,
            epochs=epochs,
            hardware=hardware,
            callbacks=[history],
            title="train",
            trainer=TrainerSettings(progress=verbose),
        )
        fitted.test(module, datamodule=data, verbose=False)
    network.cpu().eval()
    return {
        **module.test_figures(),
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(sum(row["seconds"] for row in history.timing), 1),
    }
