"""A bar for the whole of a search or a training, with the time left."""

from lightning.pytorch import Callback, LightningModule, Trainer

from darts_pl.metric_names import in_words, written
from darts_pl.progress import Bar


class RunProgress(Callback):
    """Shows epoch, steps, time gone and left, and the last validation's figure. Silent where there is no terminal."""

    def __init__(self, title: str):
        self.title = title
        self.bar: Bar | None = None

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        total = (module.elapsed_epochs + trainer.max_epochs) * trainer.num_training_batches
        self.bar = Bar(self.title, total, completed=module.steps_done, unit="steps")

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        last = module.elapsed_epochs + trainer.max_epochs
        self.bar.update(description=f"{self.title}, epoch {module.finished_epochs}/{last}")

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, outputs, batch, batch_idx: int) -> None:
        self.bar.update(completed=module.steps_done)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        if self.bar is not None:
            monitor = module.task.monitor
            value = module.epoch_row().get(f"val_{monitor}", float("nan"))
            self.bar.update(note=f"(validation {in_words(monitor)} {written(monitor, value)})")

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.bar.close()

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        if self.bar is not None:
            self.bar.close()
