"""How the fits of a run are done, beside the machine: flags of Lightning's Trainer, loggers, callbacks, points."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightning.pytorch import Callback
from lightning.pytorch.loggers import Logger, TensorBoardLogger


def tensorboard(folder: Path) -> list[Logger]:
    """TensorBoard's files in `folder`/tensorboard."""
    return [TensorBoardLogger(folder, name="tensorboard", version="")]


@dataclass(frozen=True)
class TrainerSettings:
    """What every fit of a run shares.

    Args:
        flags: further arguments of `lightning.Trainer`, such as `{"limit_train_batches": 10}`.
        loggers: makes the loggers of a fit that writes to a folder.
        callbacks: makes the user's own callbacks, anew for each fit.
        checkpoint_every_s: seconds between points to resume from.
        progress: show a bar.
    """

    flags: Mapping[str, object] = field(default_factory=dict)
    loggers: Callable[[Path], list[Logger]] = tensorboard
    callbacks: Callable[[], list[Callback]] = list
    checkpoint_every_s: float = 30.0
    progress: bool = True


DEFAULT = TrainerSettings()
