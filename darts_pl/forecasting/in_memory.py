"""Training a model that Python hands over: the loops of the pipeline, with nothing left on the disk."""

import copy
from functools import partial
from typing import Any

import torch
import torch.nn as nn

from darts_pl.callbacks import History, SearchHistory
from darts_pl.data.series import UserWindows
from darts_pl.errors import ConfigError
from darts_pl.genotype import from_json
from darts_pl.lit.base import StepModule
from darts_pl.lit.isolation import random_state_kept
from darts_pl.spaces.base import DerivedNetwork
from darts_pl.spaces.series import SeriesSpace, SeriesSupernet
from darts_pl.stages.fitting import fit
from darts_pl.stages.pipeline.forecast_errors import forecast_errors, mase_scale
from darts_pl.stages.pipeline.parts import PipelineParts


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
    module = method.make_module(
        model.train(), task=data.task, channels_last=False, epochs=epochs, rules=copy.deepcopy(list(method.rules))
    )
    derive = partial(space.derive, derivation=method.derivation)
    history = SearchHistory(None, derive, list(space.primitives), space.edges, names=space.names_by_kind)
    _fit(module, data, parts, epochs, history, "search")
    alphas = {
        kind: torch.stack([snapshot["alpha"][kind] for snapshot in history.snapshots]).numpy() for kind in model.kinds
    }
    return {
        "model": model,
        "genotype": from_json(history.best["genotype"]),
        "train_losses": [row["train_loss"] for row in history.rows],
        "val_losses": [row["val_loss"] for row in history.rows],
        "alpha_history": alphas,
        "alpha_updates": module.alpha_updates,
        "metrics": {name: value for name, value in history.rows[-1].items() if name.startswith(("train_", "val_"))},
        "history": history.rows,
    }


def train_network(network: nn.Module, data: UserWindows, parts: PipelineParts, epochs: int) -> dict[str, Any]:
    """Train `network` on `data` and test it; see `DARTSTrainer.train_final_model` for what is returned."""
    module = parts.make_module(network, task=data.task, epochs=epochs)
    history = History(None, "retrain")
    _fit(module, data, parts, epochs, history, "retrain")
    module.finish()
    device = parts.hardware.device
    network.to(device)
    errors = forecast_errors(network, data.evaluation("test"), device)
    figures = errors.figures(data.scaler.std, mase_scale(data.train_targets(), data.seasonal_period))
    rows, best = history.rows, module.best.get("epoch", module.finished_epochs)
    return {
        "model": network,
        "final_metrics": figures,
        "training_info": {
            "history": rows,
            "train_losses": [row["train_loss"] for row in rows],
            "val_losses": [row["val_loss"] for row in rows],
            "epochs": len(rows),
            "epoch_best": int(best),
            "val_mse": float(forecast_errors(network, data.evaluation("val"), device).mse.mean()),
            "by_step": errors.by_step(),
        },
    }


def _fit(
    module: StepModule, data: UserWindows, parts: PipelineParts, epochs: int, history: History, title: str
) -> None:
    data.prepare()
    with random_state_kept():
        fit(
            module,
            data,
            epochs=epochs,
            hardware=parts.hardware,
            callbacks=[history],
            title=title,
            trainer=parts.trainer,
        )
