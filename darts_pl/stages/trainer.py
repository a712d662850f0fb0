"""How the fits of a run are done, beside the machine: flags of Lightning's Trainer, loggers, callbacks, points."""

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import RichModelSummary
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.profilers import AdvancedProfiler, PyTorchProfiler, SimpleProfiler
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from darts_pl.data.batches import Batches, KeyedBatch
from darts_pl.errors import ConfigError
from darts_pl.hardware import Hardware
from darts_pl.lit.isolation import lightning_at

PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
ACCUMULATE = "accumulate_grad_batches"  # by the module, as Lightning does not under manual optimisation
LEAST_LOGGED = 10  # steps of an epoch between two that are logged


def tensorboard(folder: Path) -> list[Logger]:
    """TensorBoard's files in `folder`/tensorboard."""
    return [TensorBoardLogger(folder, name="tensorboard", version="")]


@dataclass(frozen=True)
class TrainerSettings:
    """What every fit of a run shares.

    Args:
        flags: further arguments of `lightning.Trainer`, such as `{"limit_train_batches": 10}`.
        trainer: makes the trainer, by arguments that `lightning.Trainer` has.
        loggers: makes the loggers of a fit that writes to a folder.
        callbacks: makes the user's own callbacks, anew for each fit.
        checkpoint_every_s: seconds between points to resume from.
        deadline: seconds since 1970 from which on fits end with `TimeUp`, between two steps and after a point.
        progress: show a bar.
    """

    flags: Mapping[str, Any] = field(default_factory=dict)
    trainer: Callable[..., Trainer] = Trainer
    loggers: Callable[[Path], list[Logger]] = tensorboard
    callbacks: Callable[[], list[Callback]] = list
    checkpoint_every_s: float = 30.0
    deadline: float | None = None
    progress: bool = True

    @property
    def accumulates(self) -> int:
        """Batches of one step of the optimisers."""
        return self.flags.get(ACCUMULATE, 1)

    def limited(self, batches: Batches, part: str) -> Iterable[KeyedBatch]:
        """The first `batches`, as many as the flag limit_`part`_batches lets a trainer take: of a loop of our own."""
        limit = self.flags.get(f"limit_{part}_batches", 1.0)
        return itertools.islice(batches, limit if isinstance(limit, int) else max(1, int(limit * len(batches))))

    def make(self, hardware: Hardware, *, steps: int = 1, folder: Path | None = None, **ours: Any) -> Trainer:
        """The trainer of one fit of `steps` a whole epoch; `ours` are the arguments that the fit owns.

        Raises:
            ConfigError: flags that Lightning does not take.
        """
        limit = self.flags.get("limit_train_batches")
        steps = min(steps, limit) if isinstance(limit, int) else steps
        arguments = {
            "log_every_n_steps": max(1, min(LEAST_LOGGED, steps)),
            "enable_model_summary": False,
            "enable_progress_bar": False,
            "num_sanity_val_steps": 0,
            "use_distributed_sampler": False,
            "default_root_dir": folder,
            **hardware.trainer_arguments(),
            **{name: flag for name, flag in self.flags.items() if name != ACCUMULATE},
            **ours,
        }
        profiler = arguments.get("profiler")
        if folder is not None and profiler in PROFILERS:
            arguments["profiler"] = PROFILERS[profiler](dirpath=folder, filename="profile")
        if arguments["enable_model_summary"]:
            arguments["callbacks"] = [*arguments.get("callbacks", []), RichModelSummary()]
        try:
            with lightning_at(logging.WARNING):  # it repeats the flags
                return self.trainer(**arguments)
        except (MisconfigurationException, ModuleNotFoundError, ValueError, TypeError) as error:
            raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error


DEFAULT = TrainerSettings()
