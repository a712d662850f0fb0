"""What TensorBoard shows: figures of every epoch, alphas as heat map and curves, choices as text, cells as pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from darts_pl.callbacks.history import History
from darts_pl.genotype.wording import choice_text, choices_of

MOST_MAPS = 8  # kinds whose heat maps are drawn at every epoch: each takes a tenth of a second


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
    """Adds the curves of every edge and heat maps, of alphas and of gates, pictures of the cells, choices as text.

    Curves are tagged `alphas_<kind>/<edge>/<operation>` and `gates_<kind>/...`, heat maps `alphas/<kind>` and
    `gates/<kind>`, the cells `cells`, the choices `choices`. Heat maps are drawn of the first kinds with several edges:
    of a single edge the curves say as much.

    Args:
        history: a `SearchHistory`.
        draw_gates, draw_alphas: `(values [E, K], edge names, primitive names, title) -> Figure`; without
            `draw_alphas` there is no heat map of the alphas.
        draw_genotype: `genotype -> Figure`.
    """

    def __init__(
        self,
        history: History,
        draw_gates: Callable[..., Figure],
        draw_genotype: Callable[..., Figure],
        draw_alphas: Callable[..., Figure] | None = None,
    ):
        super().__init__(history)
        self.draw_genotype = draw_genotype
        self.draw = {"alpha": draw_alphas, "gate": draw_gates}

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, module)
        if trainer.logger is None:
            return
        writer, snapshot = trainer.logger.experiment, self.history.snapshots[-1]
        mapped = [kind for kind, values in snapshot["gate"].items() if len(values) > 1][:MOST_MAPS]
        for what in ("alpha", "gate"):
            for kind, values in snapshot[what].items():
                self._write(writer, what, kind, values, snapshot["epoch"], kind in mapped)
        genotype, epoch = self.history.genotype, snapshot["epoch"]
        if genotype.cells:
            writer.add_figure("cells", self.draw_genotype(genotype), epoch)
        if choices := choices_of(genotype):
            text = "\n".join(f"- {label}: {choice_text(chosen)}" for label, chosen in choices.items())
            writer.add_text("choices", text, epoch)

    def _write(self, writer: SummaryWriter, what: str, kind: str, values: Tensor, epoch: int, mapped: bool) -> None:
        """The curves and, where `mapped`, the heat map of `values` [E, K], the alphas or gates of one kind."""
        primitives, edges = self.history.names_of(kind)
        for edge, row in zip(edges, values.tolist()):
            for name, value in zip(primitives, row):
                writer.add_scalar(f"{what}s_{kind}/{edge.replace('<-', '_from_')}/{name}", value, epoch)
        if mapped and (draw := self.draw[what]) is not None:
            title = f"{kind} cell, {what}s, epoch {epoch}"
            writer.add_figure(f"{what}s/{kind}", draw(values.numpy(), edges, primitives, title), epoch)


def write_hparams(folder: Path, settings: Mapping[str, object], figures: Mapping[str, float]) -> None:
    """Enter a finished run in TensorBoard's hparams table: its settings (flat) beside its final figures."""
    plain = {
        key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in settings.items()
    }
    with SummaryWriter(folder) as writer:
        writer.add_hparams(plain, dict(figures), run_name=".")
