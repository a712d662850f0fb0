"""Training one network, best epoch by validation, in a folder of its own or in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn as nn

from darts_pl.callbacks import History
from darts_pl.data.series import WindowDataModule
from darts_pl.hardware import Hardware
from darts_pl.lit import RetrainModule
from darts_pl.stages.fitting import fit
from darts_pl.stages.pipeline.forecast_errors import forecast_errors
from darts_pl.stages.trainer import TrainerSettings

Network = TypeVar("Network", bound=nn.Module)


def train(
    network: nn.Module,
    data: WindowDataModule,
    *,
    folder: Path | None,
    title: str,
    epochs: int,
    make_module: Callable[..., RetrainModule],
    hardware: Hardware,
    trainer: TrainerSettings,
    history: History | None = None,
) -> dict[str, float]:
    """Train `network`, or go on; leaves it the weights of its best epoch on the CPU or its device. Returns val_mse of
    these weights, epoch_best, epochs (that were run), steps, parameters.

    Args:
        data: prepared for retraining. folder: None leaves nothing on the disk. make_module: `(network, task=, epochs=)
            -> RetrainModule`. history: takes the rows; by default one that writes them to `folder`.
    """
    module = make_module(network, task=data.task, epochs=epochs)
    history = history or History(folder, title)
    fit(
        module,
        data,
        folder=folder,
        epochs=epochs,
        hardware=hardware,
        callbacks=[history],
        title=title,
        trainer=trainer,
    )
    module.finish()
    network.to(hardware.device)
    errors = forecast_errors(network, trainer.limited(data.evaluation("val"), "val"), hardware.device)
    best = module.best.get("epoch", module.finished_epochs)
    return {
        "val_mse": float(errors.mse.mean()),
        "epoch_best": int(best),
        "epochs": len(history.rows),
        "steps": module.steps_done,
        "parameters": sum(p.numel() for p in network.parameters()),
    }


def seeded(make: Callable[[], Network], seed: int) -> Network:
    """The network that `make` builds, its weights drawn by `seed`."""
    torch.manual_seed(seed)
    return make()
