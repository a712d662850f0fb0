"""A validation that a stop cut short, done again on resuming."""

from lightning.pytorch import Callback, LightningModule, Trainer


class InterruptedValidation(Callback):
    """Lightning takes an epoch that was saved before its validation for one that was validated, and goes on with the
    next. This callback knows better from its own state, and validates before the epoch ends.

    It must come before callbacks that read validation figures at the end of an epoch.
    """

    def __init__(self):
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
