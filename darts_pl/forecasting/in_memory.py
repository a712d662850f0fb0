"""Training a model that Python hands over: the loops of the pipeline, with nothing left on the disk."""

import copy
import dataclasses
from typing import Any

import torch
import torch.nn as nn

from darts_pl.callbacks import History
from darts_pl.data.series import UserWindows
from darts_pl.errors import ConfigError
from darts_pl.lit.isolation import random_state_kept
from darts_pl.spaces.base import DerivedNetwork
from darts_pl.spaces.series import SeriesSpace, SeriesSupernet
from darts_pl.stages.pipeline.forecast_errors import forecast_errors, mase_scale
from darts_pl.stages.pipeline.parts import PipelineParts
from darts_pl.stages.pipeline.training import train
from darts_pl.stages.search import Search


def space_of(model: nn.Module) -> SeriesSpace:
    """The space that `model` was built by.

    Raises:
        ConfigError: no supernet of series.
    """
    if not isinstance(model, SeriesSupernet):
        raise ConfigError(f"model: found {type(model).__name__}, expected what DARTSTrainer.create_model gives")
    return model.space


def check_trainable(model: nn.Module) -> None:
    """Raises ConfigError for a supernet, or what is no network of this library."""
    if not isinstance(model, DerivedNetwork):
        raise ConfigError(
            f"model: found {type(model).__name__}, expected what DARTSTrainer.derive_final_architecture gives"
        )


def train_supernet(model: SeriesSupernet, data: UserWindows, parts: PipelineParts, epochs: int) -> dict[str, Any]:
    """Search `model` on `data`; see `DARTSTrainer.train_darts_model` for what is returned."""
    space = space_of(model)
    method = parts.method(space)
    model.relaxation = copy.deepcopy(parts.relaxation)
    search = Search(
        method,
        space,
        data,
        dataclasses.replace(parts.hardware, channels_last=False),  # the model keeps its memory layout
        epochs=epochs,
        seed=parts.seed,
        trainer=parts.trainer,
        guards=False,
        pictures=False,
        supernet=model,
    )
    data.prepare()
    with random_state_kept():
        found = search.run(search.prepare())
    history = found.history
    alphas = {
        kind: torch.stack([snapshot["alpha"][kind] for snapshot in history.snapshots]).numpy() for kind in model.kinds
    }
    return {
        "model": model,
        "genotype": found.genotype,
        "train_losses": [row["train_loss"] for row in history.rows],
        "val_losses": [row["val_loss"] for row in history.rows],
        "alpha_history": alphas,
        "alpha_updates": found.module.alpha_updates,
        "metrics": {name: value for name, value in history.rows[-1].items() if name.startswith(("train_", "val_"))},
        "history": history.rows,
    }


def train_network(network: nn.Module, data: UserWindows, parts: PipelineParts, epochs: int) -> dict[str, Any]:
    """Train `network` on `data` and test it; see `DARTSTrainer.train_final_model` for what is returned."""
    history, device = History(None, "retrain"), parts.hardware.device
    data.prepare()
    with random_state_kept():
        trained = train(
            network,
            data,
            folder=None,
            title="retrain",
            epochs=epochs,
            make_module=parts.make_module,
            hardware=parts.hardware,
            trainer=parts.trainer,
            history=history,
        )
    errors = forecast_errors(network, parts.trainer.limited(data.evaluation("test"), "test"), device)
    figures = errors.figures(data.scaler.std, mase_scale(data.train_targets(), data.seasonal_period))
    rows = history.rows
    return {
        "model": network,
        "final_metrics": figures,
        "training_info": {
            "history": rows,
            "train_losses": [row["train_loss"] for row in rows],
            "val_losses": [row["val_loss"] for row in rows],
            "epochs": len(rows),
            "epoch_best": trained["epoch_best"],
            "val_mse": trained["val_mse"],
            "by_step": errors.by_step(),
        },
    }
