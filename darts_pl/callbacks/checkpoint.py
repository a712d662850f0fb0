"""Points to resume from: saved every half minute and once an epoch, whole or not at all, the last two kept; and what a
resumed fit has to do again."""

import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.types import STEP_OUTPUT

from darts_pl import ranks
from darts_pl.bounded.saved_state import read_state
from darts_pl.errors import RunError, StorageError, TimeUp, TrainingError
from darts_pl.lit.base import StepModule, fitted_epochs
from darts_pl.paths import FolderVanished, sync_folder, write_atomically

NEXT, LAST, PREVIOUS, FINAL = "next.ckpt", "last.ckpt", "previous.ckpt", "final.ckpt"
NEEDED = ("state_dict", "loops", "optimizer_states")  # of what Lightning writes


class ResumePoints(Checkpoint):
    """Writes `last.ckpt` (the one before it becomes `previous.ckpt`) and, at the end, `final.ckpt`.

    Points lie between two steps, before and after a validation or, where there is none, at the end of an epoch, never
    in the middle of a step (which may be of several batches, see `StepModule.accumulate`), so that what is resumed is
    what the uninterrupted run had there. The last batch of an epoch is left to the validation or the epoch's end that
    follows it. Parameters that are not finite are never saved: the point before them stays the last.

    Args:
        every_s: seconds between points within an epoch; 0 saves after every step.
        deadline: seconds since 1970 after which a point is saved and the fit ends.

    Raises:
        TimeUp: the deadline has passed.
    """

    def __init__(self, folder: Path, every_s: float = 30.0, deadline: float | None = None) -> None:
        self.folder, self.every_s, self.deadline = Path(folder), every_s, deadline
        self.saved_at = time.monotonic()

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.saved_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(module, StepModule)
        last = batch_idx + 1 >= trainer.num_training_batches
        if not last and module.steps_at(batch_idx) and self._agreed(self._is_due(), module):
            self.save(trainer)
            self._check_time(module)

    def on_validation_start(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.save(trainer)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.save(trainer)
            self._check_time(module)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        last = trainer.current_epoch + 1 >= fitted_epochs(trainer)  # the final point follows at once
        if not trainer.enable_validation and not last:
            self.save(trainer)
            self._check_time(module)

    def _is_due(self) -> bool:
        return self._time_is_up() or time.monotonic() - self.saved_at >= self.every_s

    def _time_is_up(self) -> bool:
        return self.deadline is not None and time.time() >= self.deadline

    def _check_time(self, module: LightningModule) -> None:
        if self.deadline is not None and self._agreed(self._time_is_up(), module):
            raise TimeUp("stopped, for trainer.max_time is over")

    @staticmethod
    def _agreed(due: bool, module: LightningModule) -> bool:
        """What rank 0 says by its clock: all ranks save a point, or stop, together."""
        return ranks.any_rank(due and ranks.rank() == 0, module.device)

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, StepModule)
        check_finite_weights(
            module, f"The last good checkpoint in {self.folder} is kept. Start a new run with a lower learning_rate"
        )
        self._write(trainer, self.folder / FINAL)

    def save(self, trainer: Trainer) -> None:
        """Write a point now.

        Raises:
            StorageError: the folder cannot be written or the disk is full; the points before it are left as they were.
            FolderVanished: the run's folder is gone.
        """
        if not _all_finite(trainer.lightning_module):
            return
        fresh = self.folder / NEXT
        self._write(trainer, fresh)
        self.saved_at = time.monotonic()
        if not trainer.is_global_zero:
            return
        last = self.folder / LAST
        if last.exists():
            last.replace(self.folder / PREVIOUS)
        fresh.replace(last)
        (self.folder / FINAL).unlink(missing_ok=True)  # of a fit that ended earlier and is now gone on with
        sync_folder(self.folder)

    def _write(self, trainer: Trainer, path: Path) -> None:
        if not trainer.is_global_zero:
            trainer.save_checkpoint(path, weights_only=False)  # its part of what rank 0 writes
            return
        try:
            write_atomically(path, lambda temporary: trainer.save_checkpoint(temporary, weights_only=False))
        except FolderVanished:
            raise
        except (OSError, RuntimeError) as error:
            if trainer.world_size > 1 and ranks.is_of_connection(error):  # what all ranks have to save meets here
                raise
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise StorageError(
                f"cannot write the checkpoint {path}: {reason}. The points saved before are intact; free space or "
                "mend the folder, then resume."
            ) from error


def check_finite_weights(module: StepModule, remedy: str) -> None:
    """Raises TrainingError, with `remedy`, where the last step has left weights that are not finite."""
    if not _all_finite(module):
        raise TrainingError(f"the last step, {module.steps_done - 1}, left weights that are not finite. {remedy}.")


def _all_finite(module: LightningModule) -> bool:
    return all(torch.isfinite(p).all() for p in module.parameters())


def newest_loadable(folder: Path) -> tuple[Path | None, list[str]]:
    """(the newest point in `folder` that can be read whole or None, what was wrong with newer ones)."""
    problems: list[str] = []
    for name in (FINAL, NEXT, LAST, PREVIOUS):  # a next one is left only by a stop before it was renamed
        path = Path(folder) / name
        if not path.exists():
            continue
        if (problem := _problem(path)) is None:
            return path, problems
        problems.append(f"{path} cannot be read ({problem})")
    return None, problems


def _problem(path: Path) -> str | None:
    """What is wrong with the checkpoint `path`."""
    try:
        state = read_state(path)
    except RunError as error:
        return str(error).removeprefix(f"{path}: ")
    missing = [name for name in NEEDED if name not in state]
    return f"it lacks {missing[0]}" if missing else None


class InterruptedValidation(Callback):
    """Lightning takes an epoch that was saved before its validation for one that was validated, and goes on with the
    next. This callback knows better from its own state, and validates before the epoch ends.

    It must come before callbacks that read validation figures at the end of an epoch.
    """

    def __init__(self) -> None:
        self.due = False

    def state_dict(self) -> dict[str, bool]:
        return {"due": self.due}

    def load_state_dict(self, state: dict[str, bool]) -> None:
        self.due = state["due"]

    def on_validation_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.due = True

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.due = False

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if not self.due:
            return
        trainer.validating = True
        trainer.fit_loop.epoch_loop.val_loop.run()
        trainer.training = True
        module.train()
