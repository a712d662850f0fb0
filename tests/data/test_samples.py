"""Tables and texts under a real Trainer: dictionaries of inputs and of targets, stopped, resumed and moved on."""

from collections.abc import Callable
from pathlib import Path

import lightning
import pytest
import torch
import torch.nn.functional as F

from darts_pl.data.tables import digits_table_data
from darts_pl.data.text import text_data

WORDS = ("one", "two", "three", "four", "five")


class Trained(lightning.LightningModule):
    """A linear network on the inputs side by side, trained on both halves, its figures in `seen`."""

    def __init__(self, data):
        super().__init__()
        torch.manual_seed(0)
        self.task, self.outputs = data.task, data.outputs
        self.metrics, self.seen = data.task.metrics(), []
        counts = data.outputs if isinstance(data.outputs, dict) else {"": data.outputs}
        self.heads = torch.nn.ModuleDict({f"to_{name}": torch.nn.LazyLinear(count) for name, count in counts.items()})

    def forward(self, x):
        if isinstance(x, dict):
            x = torch.cat(list(x.values()), 1)
        if x.dtype == torch.int64:
            x = F.one_hot(x, 9).float().sum(1)
        found = {name.removeprefix("to_"): head(x) for name, head in self.heads.items()}
        return found.get("", found)

    def training_step(self, batch):
        losses = [self.task.loss(self(x), y) for x, y in batch.values()]
        self.seen.append(round(sum(losses).item(), 7))
        return sum(losses)

    def on_validation_epoch_start(self):
        self.metrics.reset()

    def validation_step(self, batch):
        x, y = batch
        output = self(x)
        self.metrics.update(self.task.loss(output, y), output, y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Stop(lightning.Callback):
    """Saves and ends the training after a number of steps."""

    def __init__(self, step: int, path: Path):
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)
            trainer.should_stop = True
            trainer.limit_val_batches = 0


def texts(folder: Path):
    lines = [f"{WORDS[i % 5]} {WORDS[i % 3]},{'ab'[i % 2]},{'xyz'[i % 3]}" for i in range(60)]
    (folder / "my.csv").write_text("\n".join(["text,first,second", *lines]))
    return text_data(
        str(folder / "my.csv"), labels=["first", "second"], combine="uncertainty", vocabulary_size=9, batch_size=8
    )


def tables(folder: Path):
    return digits_table_data(halves=True, limit_train=80, batch_size=16)


@pytest.mark.parametrize("build", [texts, tables])
@pytest.mark.parametrize("step", [2, 3])
def test_a_resumed_training_goes_on_as_if_it_had_not_stopped(build: Callable, step: int, tmp_path: Path) -> None:
    def trained(callbacks: list, path: Path | None = None) -> Trained:
        data = build(tmp_path)
        data.prepare()
        module = Trained(data)
        module(data.on_after_batch_transfer(next(iter(data.test_dataloader())), 0)[0])  # the lazy sizes
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = lightning.Trainer(
            accelerator="cpu", max_epochs=2, callbacks=callbacks, enable_checkpointing=False, **quiet
        )
        trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=False)
        return module

    whole = trained([])
    first = trained([Stop(step, tmp_path / "stopped.ckpt")])
    rest = trained([], tmp_path / "stopped.ckpt")
    assert len(set(whole.seen)) == 6 and [*first.seen, *rest.seen] == whole.seen
    assert rest.metrics.compute("val") == whole.metrics.compute("val") != {}
    if build is texts:
        assert whole.task.log_variances.abs().sum() > 0, "they are learned with the rest"
        assert {"val_loss", "val_acc", "val_first_acc", "val_second_loss"} <= set(whole.metrics.compute("val"))
