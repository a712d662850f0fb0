"""A bar for the whole of a search or a training, with the time left."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT

from darts_pl.lit.base import StepModule, fitted_epochs
from darts_pl.metric_names import in_words, written
from darts_pl.progress import Bar


class RunProgress(Callback):
    """Shows epoch, steps, time gone and left, and the last validation's figure. Silent where there is no terminal."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.bar: Bar | None = None

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, StepModule)
        total = (module.elapsed_epochs + fitted_epochs(trainer)) * int(trainer.num_training_batches)
        self.bar = Bar(self.title, total, completed=module.steps_done, unit="steps")

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, StepModule)
        last = module.elapsed_epochs + fitted_epochs(trainer)
        self._update(description=f"{self.title}, epoch {module.finished_epochs}/{last}")

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(module, StepModule)
        self._update(completed=module.steps_done)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, StepModule)
        if self.bar is not None:
            monitor = module.task.monitor
            value = module.val_metrics.compute("val").get(f"val_{monitor}", float("nan"))
            self.bar.update(note=f"(validation {in_words(monitor)} {written(monitor, value)})")

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        self._close()

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        self._close()

    def _update(self, **changes: Any) -> None:
        if self.bar is not None:
            self.bar.update(**changes)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
