"""The run's record: one row an epoch in history.csv and the log, timing apart because no two runs share it."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT

from darts_pl.lit.base import Row, StepModule
from darts_pl.metric_names import in_words, of_single_tasks, written
from darts_pl.paths import write_atomically

log = logging.getLogger("darts_pl")

Report = Callable[[str], None]

PARTS = {"train_": "training", "val_": "validation"}
COLUMNS = {"lr": "learning rate", "alpha_movement": "alphas moved by"}


class Timing(TypedDict):
    """A row of timing.csv. `seconds` are of the epoch with its validation, `seconds_per_step` and `samples_per_s` of
    its steps alone; None where there was no step, or the size of a batch is not known."""

    epoch: int
    seconds: float
    steps: int
    seconds_per_step: float | None
    samples_per_s: float | None
    peak_memory_mib: float


class History(Callback):
    """Collects `module.epoch_row()` at the end of each epoch; writes `history.csv` and `timing.csv` to `folder`.

    Rows are part of the checkpoint, so a resumed run's history.csv equals the uninterrupted one's byte for byte. Where
    several ranks train, all collect the same rows, for figures are of the samples of all, and rank 0 writes them.

    Args:
        folder: None keeps the rows in memory only. title: what the lines begin with. report: takes the line of an
            epoch, by default the log.
    """

    def __init__(self, folder: Path | None, title: str = "search", report: Report | None = None) -> None:
        self.folder, self.title, self.report = folder, title, report or log.info
        self.rows: list[Row] = []
        self.timing: list[Timing] = []
        self.epoch_started = self.steps_end = 0.0  # by `time.perf_counter`
        self.steps_before = 0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "timing": self.timing}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows, self.timing = state["rows"], state["timing"]

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, StepModule)
        if module.device.type == "cuda":  # so that a stage does not get the peak of the stage before it
            torch.cuda.reset_peak_memory_stats(module.device)
        self._start_clock(module)

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, StepModule)
        self._start_clock(module)

    def _start_clock(self, module: StepModule) -> None:
        self.epoch_started = self.steps_end = time.perf_counter()
        self.steps_before = module.steps_done

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        self.steps_end = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, StepModule)
        self.before_row(module)
        row: Row = {"epoch": module.finished_epochs, **module.epoch_row(), **self.extra_row(module)}
        self.rows.append(row)
        self.timing.append(self._timing_row(module))
        if not trainer.is_global_zero:
            return
        if self.folder is not None:
            _write_csv(self.rows, self.folder / "history.csv")
            _write_csv(self.timing, self.folder / "timing.csv")
        self.report(self._line(module.elapsed_epochs + module.epochs, module.task.monitor))

    def before_row(self, module: StepModule) -> None:
        """What a subclass does before the row is made."""

    def extra_row(self, module: StepModule) -> Row:
        """Further columns of a subclass."""
        return {}

    def _timing_row(self, module: StepModule) -> Timing:
        steps = module.steps_done - self.steps_before
        seconds = self.steps_end - self.epoch_started
        return {
            "epoch": module.finished_epochs,
            "seconds": round(time.perf_counter() - self.epoch_started, 3),
            "steps": steps,
            "seconds_per_step": round(seconds / steps, 5) if steps else None,
            "samples_per_s": round(module.batch_size * steps / seconds, 1) if steps and module.batch_size else None,
            "peak_memory_mib": round(peak_memory_mib(module.device), 1),
        }

    def _line(self, epochs: int, monitor: str) -> str:
        row, timing = self.rows[-1], self.timing[-1]
        figures = in_figures(row, columns_to_show(row, monitor))
        each = timing["seconds_per_step"]
        pace = f"{timing['seconds']:.1f} s" + (f", {each:.3f} s a step" if each else "")
        return f"{self.title} epoch {row['epoch']}/{epochs}: {figures} ({pace})"


def columns_to_show(row: Mapping[str, float | None], monitor: str) -> list[str]:
    """The columns of a line for reading: loss and monitored metric in training and validation, the metrics of single
    tasks in validation, the learning rate and, in a search, how far the alphas have moved."""
    tasks = [f"val_{name}" for name in of_single_tasks(row, "val_", monitor)]
    names = ("train_loss", f"train_{monitor}", "val_loss", f"val_{monitor}", *tasks, "lr", "alpha_movement")
    return [name for name in dict.fromkeys(names) if row.get(name) is not None]


def in_figures(row: Mapping[str, float | None], columns: Iterable[str]) -> str:
    """ "training loss 1.25 accuracy 61.0%, validation loss 0.3125 accuracy 91.2%": columns of a row in words, but for
    those without a value."""
    texts: list[str] = []
    before: str | None = None
    for column in columns:
        if (value := row[column]) is None:
            continue
        part, _, name = column.partition("_") if column.startswith(tuple(PARTS)) else ("", "", column)
        begin = "" if before is None else ", " if part != before or not part else " "
        words = [PARTS[f"{part}_"]] if part and part != before else []
        texts.append(begin + " ".join([*words, COLUMNS.get(name, in_words(name)), written(name, value)]))
        before = part
    return "".join(texts)


def _write_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    write_atomically(path, lambda temporary: pd.DataFrame(rows).to_csv(temporary, index=False))


def peak_memory_mib(device: torch.device) -> float:
    """Peak memory in MiB. CUDA: what tensors held at most since the fit that is running, or ran last, began.
    CPU: the process's peak resident size since the process began, for that counter cannot be reset; 0 where the system
    keeps none, as on Windows."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource  # of Unix only
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
