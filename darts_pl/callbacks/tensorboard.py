"""What TensorBoard shows: figures of every epoch, alphas as heat map and curves, both cells as pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from darts_pl.callbacks.history import History


class ScalarBoard(Callback):
    """Writes each column of the epoch's row as a scalar, `<phase>/<column>`, at the epoch."""

    def __init__(self, history: History):
        self.history = history

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.logger is None or not self.history.rows:
            return
        row = self.history.rows[-1]
        for name, value in row.items():
            if name != "epoch" and value is not None:
                trainer.logger.experiment.add_scalar(f"{module.phase}/{name}", value, row["epoch"])


class ArchitectureBoard(ScalarBoard):
    """Adds per-edge gate curves, heat maps of the gates and pictures of both cells.

    Args:
        history: a `SearchHistory`.
        draw_gates: `(gates [E, K], edge names, primitive names, title) -> Figure`.
        draw_genotype: `genotype -> Figure`.
    """

    def __init__(self, history: History, draw_gates: Callable[..., Figure], draw_genotype: Callable[..., Figure]):
        super().__init__(history)
        self.draw_gates, self.draw_genotype = draw_gates, draw_genotype

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, module)
        if trainer.logger is None:
            return
        writer, history = trainer.logger.experiment, self.history
        snapshot = history.snapshots[-1]
        epoch = snapshot["epoch"]
        for kind, gates in snapshot["gate"].items():
            for edge, row in zip(history.edges, gates.tolist()):
                for name, value in zip(history.primitives, row):
                    writer.add_scalar(f"gates_{kind}/{edge.replace('<-', '_from_')}/{name}", value, epoch)
            title = f"{kind} cell, epoch {epoch}"
            figure = self.draw_gates(gates.numpy(), history.edges, history.primitives, title)
            writer.add_figure(f"gates/{kind}", figure, epoch)
        writer.add_figure("cells", self.draw_genotype(history.genotype), epoch)


def write_hparams(folder: Path, settings: Mapping[str, object], figures: Mapping[str, float]) -> None:
    """Enter a finished run in TensorBoard's hparams table: its settings (flat) beside its final figures."""
    plain = {
        key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in settings.items()
    }
    with SummaryWriter(folder) as writer:
        writer.add_hparams(plain, dict(figures), run_name=".")
