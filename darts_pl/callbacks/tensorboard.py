"""What TensorBoard shows: figures of every epoch, alphas as heat map and curves, choices as text, cells as pictures.

TensorBoard sorts by name and folds all groups but the first ones: losses are in `loss`, metrics in `metric`, what a
search or training is doing in `search` or `retrain`, and what there is much of in groups that begin with `search_`.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from darts_pl.callbacks.alphas import RECORDED, SearchHistory
from darts_pl.callbacks.history import History
from darts_pl.genotype import AnyGenotype, choice_text
from darts_pl.lit.base import StepModule

DrawValues = Callable[[np.ndarray, Sequence[str], Sequence[str], str], Figure]
Chart = list[str | list[str]]
"""Of the tab of custom scalars: "Multiline" and what the tags of its lines match."""
MOST_MAPS = 8  # kinds whose heat maps are drawn at every epoch: each takes a tenth of a second


def scalar_tag(phase: str, column: str) -> str:
    """The tag of a column of the history: `loss/<column>`, `metric/<column>`, else `<phase>/<column>`."""
    if not column.startswith(("train_", "val_")):
        return f"{phase}/{column}"
    return f"{'loss' if column.endswith('loss') else 'metric'}/{column}"


def writers(trainer: Trainer) -> list[SummaryWriter]:
    """Those of the loggers that are TensorBoard's, which take texts and pictures too."""
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


class ScalarBoard(Callback):
    """Writes each column of the epoch's row as a scalar under its `scalar_tag`: to TensorBoard at the epoch, to other
    loggers at the step that they have come to, which steps are logged at too."""

    def __init__(self, history: History) -> None:
        self.history = history

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, StepModule)
        if not self.history.rows:
            return
        row = {name: value for name, value in self.history.rows[-1].items() if value is not None}
        figures = {scalar_tag(module.phase, name): value for name, value in row.items() if name != "epoch"}
        for writer in writers(trainer):
            for tag, value in figures.items():
                writer.add_scalar(tag, value, row["epoch"])
        for logger in trainer.loggers:
            if not isinstance(logger, TensorBoardLogger):
                logger.log_metrics({**figures, "epoch": row["epoch"]}, step=module.steps_done)


class ArchitectureBoard(ScalarBoard):
    """Adds the curves of every edge and heat maps, of alphas and of gates, pictures of the cells, choices as text.

    Curves are tagged `search_gates/<kind>/<edge>/<operation>` and `search_alphas/...`; the tab of custom scalars has a
    chart for each edge with all of its operations. Pictures are `search_pictures/cells`, `.../gates_<kind>` and
    `.../alphas_<kind>`, the choices `choices`. Heat maps are drawn of the first kinds with several edges: of a single
    edge the curves say as much.

    Args:
        history: a `SearchHistory`.
        draw_gates, draw_alphas: `(values [E, K], edge names, primitive names, title) -> Figure`; without
            `draw_alphas` there is no heat map of the alphas.
        draw_genotype: `genotype -> Figure`.
    """

    def __init__(
        self,
        history: SearchHistory,
        draw_gates: DrawValues,
        draw_genotype: Callable[[AnyGenotype], Figure],
        draw_alphas: DrawValues | None = None,
    ) -> None:
        super().__init__(history)
        self.search, self.draw_genotype = history, draw_genotype
        self.draw = {"alpha": draw_alphas, "gate": draw_gates}
        self.laid_out: set[str] = set()  # the folders of writers that have the charts

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, module)
        for writer in writers(trainer):
            self._write_all(writer)

    def _write_all(self, writer: SummaryWriter) -> None:
        """The curves, maps, pictures and choices of the last epoch."""
        snapshot = self.search.snapshots[-1]
        if writer.log_dir not in self.laid_out:
            writer.add_custom_scalars(self.layout(snapshot["gate"]))
            self.laid_out.add(writer.log_dir)
        mapped = [kind for kind, values in snapshot["gate"].items() if len(values) > 1][:MOST_MAPS]
        for what in RECORDED:
            for kind, values in snapshot[what].items():
                self._write(writer, what, kind, values, snapshot["epoch"], kind in mapped)
        genotype, epoch = self.search.genotype, snapshot["epoch"]
        if genotype.cells:
            writer.add_figure("search_pictures/cells", self.draw_genotype(genotype), epoch)
        if choices := genotype.choices:
            text = "\n".join(f"- {label}: {choice_text(chosen)}" for label, chosen in choices.items())
            writer.add_text("choices", text, epoch)

    def layout(self, kinds: Iterable[str]) -> dict[str, dict[str, Chart]]:
        """The charts of TensorBoard's tab of custom scalars: losses, metrics, then one for each edge of each kind, with
        a line for each of its operations."""
        charts = {"losses": {"loss": _lines("loss/"), "metric": _lines("metric/")}}
        for what in ("gate", "alpha"):
            for kind in kinds:
                beginnings = {_edge(name): _edge_tag(what, kind, name) for name in self.search.names_of(kind)[1]}
                charts[f"{what}s, {kind}"] = {name: _lines(beginning) for name, beginning in beginnings.items()}
        return charts

    def _write(self, writer: SummaryWriter, what: str, kind: str, values: Tensor, epoch: int, mapped: bool) -> None:
        """The curves and, where `mapped`, the heat map of `values` [E, K], the alphas or gates of one kind."""
        primitives, edges = self.search.names_of(kind)
        for edge, row in zip(edges, values.tolist()):
            for name, value in zip(primitives, row):
                writer.add_scalar(f"{_edge_tag(what, kind, edge)}{name}", value, epoch)
        if mapped and (draw := self.draw[what]) is not None:
            title = f"{kind} cell, {what}s, epoch {epoch}"
            writer.add_figure(f"search_pictures/{what}s_{kind}", draw(values.numpy(), edges, primitives, title), epoch)


def _edge(edge: str) -> str:
    """An edge in a name: `3<-0`, from state 0 into state 3, is "3_from_0"."""
    return edge.replace("<-", "_from_")


def _edge_tag(what: str, kind: str, edge: str) -> str:
    """What the tags of all operations of an edge begin with."""
    return f"search_{what}s/{kind}/{_edge(edge)}/"


def _lines(beginning: str) -> Chart:
    """A chart of all scalars whose tags begin so."""
    return ["Multiline", [f"{re.escape(beginning)}.*"]]


def write_hparams(folder: Path, settings: Mapping[str, object], figures: Mapping[str, float]) -> None:
    """Enter a finished run in TensorBoard's hparams table: the settings that tell it from others beside its final
    figures."""
    plain = {
        key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in settings.items()
    }
    with SummaryWriter(folder) as writer:
        writer.add_hparams(plain, dict(figures), run_name=".")


@contextmanager
def without_thread_tracebacks() -> Iterator[None]:
    """Within, a thread that cannot write a file ends without a traceback on the terminal. TensorBoard's is the only one
    that writes, and hands its error to whoever gives it the next thing to write."""
    before = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        if not isinstance(failure.exc_value, OSError):
            before(failure)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
