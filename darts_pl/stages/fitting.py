"""One fit of a LightningModule in a run folder: resumed where it stopped, its errors told in the user's words."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from darts_pl.callbacks import (
    InterruptedValidation,
    ResumePoints,
    RunProgress,
    newest_loadable,
    without_thread_tracebacks,
)
from darts_pl.data.base import PairedDataModule
from darts_pl.errors import RunError, TrainingError
from darts_pl.hardware import Hardware
from darts_pl.lit.base import StepModule
from darts_pl.lit.surroundings import lightning_at
from darts_pl.paths import remove_temporaries

log = logging.getLogger("darts_pl")

# What torch says, lower case, for the CPU, CUDA, ROCm, Apple GPUs, cuBLAS and cuDNN.
OUT_OF_MEMORY = ("out of memory", "alloc_failed", "can't allocate memory")


@lightning_at(logging.WARNING)  # it tells the device, as `Hardware` does, and advertises
def fit(
    module: StepModule,
    data: PairedDataModule,
    *,
    folder: Path,
    epochs: int,
    hardware: Hardware,
    callbacks: list[Callback],
    title: str,
    checkpoint_every_s: float = 30.0,
    checkpoints: Path | None = None,
) -> Trainer:
    """Fit `module` on `data` for `epochs`, going on from the newest point in `checkpoints` (by default the folder of
    this name in `folder`) that can be read.

    Raises:
        TrainingError: a loss that is not finite; memory exhausted (with the settings that lower the need).
        RunError: a folder with points of which none can be read, or that cannot be written.
    """
    checkpoints = checkpoints or folder / "checkpoints"
    remove_temporaries(checkpoints)
    point = _resume_point(checkpoints)
    trainer = Trainer(
        max_epochs=epochs,
        callbacks=[
            InterruptedValidation(),
            *callbacks,
            RunProgress(title),
            ResumePoints(checkpoints, checkpoint_every_s),
        ],
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if data.val_dataloader() else 0,
        use_distributed_sampler=False,
        log_every_n_steps=min(10, len(data.train_dataloader())),
        **hardware.trainer_arguments(),
    )
    with without_thread_tracebacks(), memory_errors(data.batch_size, lambda: module.steps_done):
        trainer.fit(module, datamodule=data, ckpt_path=point, weights_only=True)
    return trainer


@contextmanager
def memory_errors(batch_size: int | str, step: Callable[[], int]) -> Iterator[None]:
    """Tell exhausted memory in the user's words, whichever library ran out; other errors pass as they are.

    Args:
        batch_size: images a training batch, for the message.
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
            f"out of memory at step {step()} with batch_size={batch_size}. "
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
