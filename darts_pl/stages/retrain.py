"""Stage 5: train a derived network from fresh weights, test it, save it as one file."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from darts_pl.callbacks import History, ScalarBoard, peak_memory_mib
from darts_pl.data.base import PairedDataModule
from darts_pl.errors import ConfigError
from darts_pl.genotype import AnyGenotype
from darts_pl.hardware import Hardware
from darts_pl.lit import RetrainModule
from darts_pl.models import save_model
from darts_pl.seeds import derived_seed
from darts_pl.spaces.base import Space, trainable
from darts_pl.stages.fitting import fit, memory_errors
from darts_pl.stages.run import RunFolder
from darts_pl.stages.trainer import TrainerSettings

log = logging.getLogger("darts_pl")


def retrain(
    run: RunFolder,
    genotype: AnyGenotype,
    stage: str,
    *,
    folder: Path | None = None,
    space: Space,
    data: PairedDataModule,
    make_module: Callable[..., RetrainModule],
    hardware: Hardware,
    epochs: int,
    seed: int,
    auxiliary: bool,
    trainer: TrainerSettings,
) -> dict[str, Any]:
    """Retrain `genotype` in `folder`, by default that of the stage in the run, and return its figures: test_acc,
    test_loss, parameters, seconds, steps.

    The test data are used once, at the end, and for nothing but the figure.
    """
    if run.done(stage):
        return run.manifest["stages"][stage]["figures"]
    folder = folder or run.path / stage
    source = genotype.save(folder / "genotype.json")
    with run.stage(stage, inputs={"genotype": source}, data=data.fingerprint) as entry:
        torch.manual_seed(derived_seed(seed, stage))
        network = trainable(space.network(genotype, data.input_shape, data.outputs, auxiliary=auxiliary), genotype)
        if auxiliary and network.auxiliary is None:
            raise ConfigError(
                f"retraining.auxiliary=true: networks of {type(space).__name__} have no auxiliary head. Take "
                "retraining.auxiliary=false"
            )
        module = make_module(network, task=data.task, channels_last=hardware.runs_channels_last(network))
        if module.drop_path and not network.has_cells():
            log.warning("%s: no cell was chosen, so that drop_path=%s drops nothing", stage, module.drop_path)
        history = History(folder, stage)
        fitted = fit(
            module,
            data,
            folder=folder,
            epochs=epochs,
            hardware=hardware,
            callbacks=[history, ScalarBoard(history)],
            title=stage,
            trainer=trainer,
        )
        module.finish()
        with memory_errors(data.batch_size, lambda: module.steps_done):
            fitted.test(module, datamodule=data, verbose=False)
        figures = {
            **module.test_figures(),
            "parameters": network.count_parameters(),
            "epochs": epochs,
            "steps": module.steps_done,
            "seconds": round(sum(row["seconds"] for row in history.timing), 1),
        }
        entry["figures"] = figures
        entry["peak_memory_mib"] = round(peak_memory_mib(hardware.device), 1)
        save_model(folder / "model.safetensors", network.cpu(), space, data=data, details=figures)
    return figures


def check_builds(genotype: AnyGenotype, space: Space, data: PairedDataModule) -> None:
    """Raises GenotypeError or ConfigError before any work where a network that is known with the data alone cannot be
    built of `genotype`."""
    if not space.takes_images:
        with torch.random.fork_rng(devices=[]):
            space.network(genotype, data.input_shape, data.outputs)


def check_fits(genotype: AnyGenotype, space: Space) -> None:
    """Raises ConfigError before any work where `genotype` cannot be built in `space` (see the message)."""
    if not all(cell.nodes for cell in genotype.cells.values()):
        raise ConfigError("the genotype has a cell without nodes")
    if not space.takes_images:
        return  # its network is known with the data, see `check_builds`
    with torch.device("meta"):
        space.network(genotype, (3, 32, 32), 10)
