"""Guards: warnings, while there is still time, that a search is collapsing or does nothing."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor

from darts_pl.callbacks.alphas import SearchHistory
from darts_pl.callbacks.tensorboard import writers
from darts_pl.lit.base import Row
from darts_pl.lit.search import SearchModule
from darts_pl.paths import write_text_atomically

log = logging.getLogger("darts_pl")

FILE = "guards.json"
Warned = TypedDict("Warned", {"about": str, "phase": int, "epoch": int, "what": str, "try": str})
"""A warning as guards.json holds it: what of, the search's phase from 0, the epoch, what is wrong, what to try."""


@dataclass(frozen=True)
class Limits:
    """Where guards begin to warn.

    Args:
        skip_share: part of a cell's edges that are skip connections.
        flatness: mean gate entropy as a part of log K, from the middle of the search on.
        least_movement: mean |α − α at the start| after an epoch that updated the alphas.
    """

    skip_share: float = 0.5
    flatness: float = 0.98
    least_movement: float = 1e-4


class CollapseGuards(Callback):
    """Watches a search and warns once of each thing that is wrong: in the log with the epoch and what to try, in
    TensorBoard, and in `guards.json` in `folder`, which the report shows.

    - Skip connections dominate the derived cell: the known collapse of differentiable search (arXiv:1909.09656).
    - The gates are still flat in the second half, where they compete: the genotype is then close to chance.
    - A candidate was never sampled, where gates are one-hot samples: its weights are those of the start.
    - The alphas did not move although they were updated.

    It must come after `history`, whose rows it reads. Each phase of a search is watched by itself.
    """

    def __init__(self, history: SearchHistory, folder: Path | None, limits: Limits | None = None) -> None:
        self.history, self.folder, self.limits = history, folder, limits or Limits()
        self.warnings: list[Warned] = []
        self.sampled: dict[str, Tensor] = {}
        self.phase = 0

    def begin_phase(self, continues: bool) -> None:
        """Before a further phase, whose candidates and alphas are others: what was sampled no longer counts, and what
        was warned of may be warned of again. Where it `continues`, samples of before count on."""
        self.phase += 1
        if not continues:
            self.sampled = {}

    def state_dict(self) -> dict[str, Any]:
        return {"warnings": self.warnings, "sampled": self.sampled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.warnings, self.sampled = state["warnings"], state["sampled"]

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(module, SearchModule)
        if not module.supernet.relaxation.one_hot:
            return
        for kind, gate in module.step_gates.items():
            chosen = (gate != 0).cpu()
            self.sampled[kind] = self.sampled[kind] | chosen if kind in self.sampled else chosen

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, SearchModule)
        row = self.history.rows[-1]
        late = module.current_epoch + 1 > module.epochs / 2
        trained = module.trains_alphas and module.alphas_learned
        compete = module.supernet.relaxation.simplex
        flat = []
        for kind in module.supernet.kinds:
            if trained and kind in self.history.genotype.cells:
                self._check_skips(kind, row)
            if trained and late and compete and not self._idle(kind):
                share = self._flatness(kind, row, largest_entropy(module.supernet.kept(kind)))
                flat += [(kind, share)] if share > self.limits.flatness else []
            if late and kind in self.sampled:
                self._check_sampling(kind, row, module.supernet.kept(kind).cpu())
        self._warn_of_flat(flat, row)
        if trained:
            self._check_movement(row)
        self._write(trainer)

    def _check_skips(self, kind: str, row: Row) -> None:
        edges = sum(len(node) for node in self.history.genotype.cells[kind].nodes)
        skips = _figure(row, f"skips_{kind}")
        if skips > self.limits.skip_share * edges:
            self._warn(
                f"skips {kind}",
                row,
                f"{skips} of {edges} edges of the {_cell(kind)} are skip connections, the known collapse",
                "rule=[auxiliary_skip], [beta_decay] or [sdarts_rs], relaxation=dirichlet, mixing=partial, or a larger "
                "weight_decay; rule=[skip_stop] ends a search here",
            )

    def _is_cell(self, kind: str) -> bool:
        return kind in self.history.genotype.cells or not self.history.genotype.choices

    def _idle(self, kind: str) -> bool:
        """Whether nothing that is chosen now leads to this choice, so that its gates have no say."""
        choices = self.history.genotype.choices
        return bool(choices) and kind not in choices and kind not in self.history.genotype.cells

    @staticmethod
    def _flatness(kind: str, row: Row, largest: float) -> float:
        return _figure(row, f"entropy_{kind}") / largest if largest else 0.0

    def _warn_of_flat(self, flat: Sequence[tuple[str, float]], row: Row) -> None:
        """A warning a cell, and one of all choices, of which there may be dozens."""
        remedy = "more epochs, a larger arch_learning_rate, or a smaller arch_weight_decay"
        choices = [kind for kind, _ in flat if kind in self.history.genotype.choices]
        for kind, share in flat:
            if kind not in choices:
                what = f"the gates of the {_cell(kind)} are flat ({share:.0%} of the largest entropy)"
                self._warn(f"entropy {kind}", row, f"{what}, so its genotype is close to chance", remedy)
        if choices:
            what = f"the gates of {_listed(choices)} are flat (above {self.limits.flatness:.0%} of the largest entropy)"
            self._warn("entropy of choices", row, f"{what}, so what is chosen there is close to chance", remedy)

    def _check_sampling(self, kind: str, row: Row, kept: Tensor) -> None:
        primitives, edges = self.history.names_of(kind)
        missing = [f"{primitives[k]} on {edges[edge]}" for edge, k in (kept & ~self.sampled[kind]).nonzero().tolist()]
        if missing:
            where = _cell(kind) if self._is_cell(kind) else f"choice {kind}"
            self._warn(f"sampling {kind}", row, f"never sampled in the {where}: {_listed(missing)}", "more epochs")

    def _check_movement(self, row: Row) -> None:
        moved = _figure(row, "alpha_movement")
        if moved < self.limits.least_movement:
            self._warn(
                "movement",
                row,
                f"the alphas have moved by {moved:.1e} on average in {row['alpha_updates']} updates",
                "a larger arch_learning_rate",
            )

    def _warn(self, about: str, row: Row, what: str, remedy: str) -> None:
        if any((warning["about"], warning["phase"]) == (about, self.phase) for warning in self.warnings):
            return
        epoch = int(_figure(row, "epoch"))
        self.warnings.append({"about": about, "phase": self.phase, "epoch": epoch, "what": what, "try": remedy})
        log.warning("epoch %d: %s. What to try: %s. (guards=false silences this)", epoch, what, remedy)

    def _write(self, trainer: Trainer) -> None:
        if self.folder is not None and trainer.is_global_zero:
            write_text_atomically(self.folder / FILE, json.dumps({"warnings": self.warnings}, indent=2) + "\n")
        for writer in writers(trainer) if self.warnings else ():
            text = "\n".join(f"- epoch {w['epoch']}: {w['what']}. What to try: {w['try']}." for w in self.warnings)
            writer.add_text("guards", text, self.history.rows[-1]["epoch"])


def _listed(names: Sequence[str]) -> str:
    """The first three and how many there are besides."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _figure(row: Row, column: str) -> float:
    value = row[column]
    assert value is not None  # only what rules add to a row may be
    return value


def _cell(kind: str) -> str:
    return kind if kind == "cell" else f"{kind} cell"


def largest_entropy(kept: Tensor) -> float:
    """The mean over edges of log(candidates left), in nats: what flat gates have."""
    return float(kept.sum(dim=1).double().log().mean())
