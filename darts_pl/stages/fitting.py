"""The one fit of a LightningModule: resumed where it stopped, its errors told in the user's words."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer

from darts_pl.callbacks import (
    InterruptedValidation,
    ResumePoints,
    RunProgress,
    check_finite_weights,
    newest_loadable,
    without_thread_tracebacks,
)
from darts_pl.data.base import FitData
from darts_pl.engine.choosing import running_by
from darts_pl.errors import ConfigError, RunError, TrainingError
from darts_pl.hardware import Hardware
from darts_pl.lit.base import StepModule
from darts_pl.lit.isolation import lightning_at
from darts_pl.lit.recomputation import recomputing
from darts_pl.paths import remove_temporaries
from darts_pl.stages.ddp import device_count, on_devices
from darts_pl.stages.trainer import DEFAULT, TrainerSettings

log = logging.getLogger("darts_pl")

# What torch says, lower case, for the CPU, CUDA, ROCm, Apple GPUs, cuBLAS and cuDNN.
OUT_OF_MEMORY = ("out of memory", "alloc_failed", "can't allocate memory")


def fit(
    module: StepModule,
    data: FitData,
    *,
    epochs: int,
    hardware: Hardware,
    callbacks: Sequence[Callback],
    title: str,
    folder: Path | None = None,
    checkpoints: Path | None = None,
    trainer: TrainerSettings = DEFAULT,
) -> Trainer:
    """Fit `module` on `data` for `epochs`, on the devices that the flags of `trainer` name.

    Args:
        callbacks: ours, in this order; those of `trainer` follow.
        title: what the bar is called.
        folder: where loggers write, and points to resume from: the fit goes on from the newest that can be read. None
            leaves nothing on the disk.
        checkpoints: the folder of the points, by default the one of this name in `folder`.

    Raises:
        ConfigError: flags that Lightning does not take, or that this fit cannot have.
        TrainingError: a loss or, at the end, weights that are not finite; memory exhausted (with the settings that
            lower the need).
        RunError: a folder with points of which none can be read, or that cannot be written.
        TimeUp: the deadline of `trainer` has passed.
        RankLost: the process of one of several devices has ended.

    Returns:
        A trainer to test with; of several devices on one of them, so that no sample counts twice.
    """
    count = device_count(trainer.flags, hardware)
    work = partial(
        fit_here,
        module,
        data,
        epochs=epochs,
        hardware=hardware,
        callbacks=callbacks,
        title=title,
        folder=folder,
        checkpoints=checkpoints,
        trainer=trainer,
    )
    if count == 1:
        return work({"strategy": "auto"})
    module.cpu()
    on_devices(count, work, flags=trainer.flags, cpu=hardware.device_type == "cpu")
    return trainer.make(
        hardware,
        folder=folder,
        logger=False,
        enable_checkpointing=False,
        strategy="auto",
        sync_batchnorm=False,
        devices=hardware.trainer_arguments()["devices"],
    )


@lightning_at(logging.WARNING)  # it tells the device, as `Hardware` does, and advertises
def fit_here(
    module: StepModule,
    data: FitData,
    place: Mapping[str, Any],
    *,
    epochs: int,
    hardware: Hardware,
    callbacks: Sequence[Callback],
    title: str,
    folder: Path | None,
    checkpoints: Path | None,
    trainer: TrainerSettings,
) -> Trainer:
    """`fit` in one process; `place` are the arguments of Lightning's trainer that make it one of several."""
    point, around = None, [*callbacks, *trainer.callbacks(), *([RunProgress(title)] if trainer.progress else [])]
    if folder is None and trainer.deadline is not None:
        raise ConfigError("trainer.max_time ends a fit that lies in a folder, to go on there; this one keeps nothing")
    if folder is not None:
        checkpoints = checkpoints or folder / "checkpoints"
        remove_temporaries(checkpoints)
        point = _resume_point(checkpoints)
        around = [
            InterruptedValidation(),
            *around,
            ResumePoints(checkpoints, trainer.checkpoint_every_s, trainer.deadline),
        ]
    fitted = trainer.make(
        hardware,
        steps=len(data.train_dataloader()),
        folder=folder,
        max_epochs=epochs,
        callbacks=around,
        logger=False if folder is None else trainer.loggers(folder),
        enable_checkpointing=folder is not None,
        **({} if data.val_dataloader() else {"limit_val_batches": 0}),
        **place,
    )
    module.accumulate(trainer.accumulates)
    module.batch_size = data.batch_size
    memory = memory_errors(data.batch_size, lambda: module.steps_done)
    engine, recompute = running_by(module, hardware.engine), recomputing(module, hardware.recompute)
    with without_thread_tracebacks(), memory, engine, recompute:
        fitted.fit(module, datamodule=data, ckpt_path=point, weights_only=True)
    fitted.loggers = []  # what they wrote is complete: a test would open some anew
    if folder is None:
        check_finite_weights(module, "Start anew with a lower learning_rate")
    return fitted


@contextmanager
def memory_errors(batch_size: int | None, step: Callable[[], int]) -> Iterator[None]:
    """Tell exhausted memory in the user's words, whichever library ran out; other errors pass as they are.

    Args:
        batch_size: images a training batch, for the message, where known.
        step: the number of steps done, asked for when memory runs out.

    Raises:
        TrainingError: memory exhausted inside the `with`.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise TrainingError(
            f"out of memory at step {step()} with batch_size={batch_size or '?'}. "
            "What lowers the need: batch_size, space.init_channels, space.layers, fewer space.primitives, "
            "hypergradient=first or finite_difference, hardware.precision=bf16-mixed. Checkpoints so far are kept."
        ) from error


def _resume_point(checkpoints: Path) -> Path | None:
    point, problems = newest_loadable(checkpoints)
    for problem in problems:
        log.warning("%s; going back to the one before", problem)
    if point is None and problems:
        raise RunError(f"no checkpoint in {checkpoints} can be read: {'; '.join(problems)}. Start a new run.")
    if point is not None:
        log.info("resuming from %s", point)
    return point


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error).lower() for words in OUT_OF_MEMORY)
