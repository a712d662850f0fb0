"""One bar for the whole of a search or a retraining, with the time left."""

from lightning.pytorch import Callback, LightningModule, Trainer
from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class RunProgress(Callback):
    """Shows epoch, steps, time gone and left, and the last validation's figure. Silent where there is no terminal."""

    def __init__(self, title: str):
        self.title = title
        self.bar: Progress | None = None

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps")]
        times = [TimeElapsedColumn(), TextColumn("gone,"), TimeRemainingColumn()]
        note = TextColumn("left {task.fields[note]}")
        console = get_console()
        self.bar = Progress(*columns, *times, note, console=console, transient=True, disable=not console.is_terminal)
        self.bar.start()
        total = (module.elapsed_epochs + trainer.max_epochs) * trainer.num_training_batches
        self.task = self.bar.add_task(self.title, total=total, completed=module.steps_done, note="")

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        last = module.elapsed_epochs + trainer.max_epochs
        description = f"{self.title}, epoch {module.finished_epochs}/{last}"
        self.bar.update(self.task, description=description)

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, outputs, batch, batch_idx: int) -> None:
        self.bar.update(self.task, completed=module.steps_done)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        if self.bar is not None:
            value = module.epoch_row().get(f"val_{module.task.monitor}", float("nan"))
            told = f"{value:.1%}" if module.task.monitor == "acc" else f"{module.task.monitor} {value:.4g}"
            self.bar.update(self.task, note=f"(validation {told})")

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.bar.stop()

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        if self.bar is not None:
            self.bar.stop()
