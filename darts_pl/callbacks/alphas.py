"""The search's record: alphas and gates over time, the genotype of every epoch, the best by validation."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from darts_pl.callbacks.history import History, Report, in_figures
from darts_pl.errors import TrainingError
from darts_pl.genotype import AnyGenotype, from_json
from darts_pl.lit.base import Row, StepModule
from darts_pl.lit.search import SearchModule
from darts_pl.paths import write_arrays_atomically

Derive = Callable[[Mapping[str, Tensor]], AnyGenotype]
RECORDED: tuple[Literal["alpha"], Literal["gate"]] = ("alpha", "gate")


class Snapshot(TypedDict):
    """The architecture after an epoch, at the start for epoch 0: alphas and expected gates, [E, K] a kind."""

    epoch: int
    alpha: dict[str, Tensor]
    gate: dict[str, Tensor]


class SearchHistory(History):
    """History of a search; besides history.csv it writes `alphas.npz`, `genotypes/epoch_*.json`, `genotype_best.json`
    (best by the task's metric in validation, the earliest of equals, unless a rule's verdict names another epoch) and
    `genotype_last.json`. Of genotypes that may hold choices a line tells each that is the best so far.

    Args:
        derive: strengths [E, K] a kind → genotype.
        primitives: the K names. edges: the E names. report: see `History`.
        names: for spaces whose kinds differ: kind → (names of its candidates, names of its edges).

    Raises:
        TrainingError: at the end, where no validated epoch had updated alphas.
    """

    def __init__(
        self,
        folder: Path | None,
        derive: Derive,
        primitives: Sequence[str],
        edges: Sequence[str],
        report: Report | None = None,
        names: Mapping[str, tuple[Sequence[str], Sequence[str]]] | None = None,
    ) -> None:
        super().__init__(folder, "search", report)
        self.derive, self.primitives, self.edges, self.names = derive, list(primitives), list(edges), names or {}
        self.snapshots: list[Snapshot] = []
        self.best: dict[str, Any] = {}
        self.genotypes: dict[int, dict[str, Any]] = {}
        self.start: dict[str, Tensor] | None = None
        self.improved = False  # whether the last epoch is the best so far

    def state_dict(self) -> dict[str, Any]:
        kept = {"snapshots": self.snapshots, "best": self.best, "genotypes": self.genotypes, "start": self.start}
        return {**super().state_dict(), **kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.snapshots, self.best, self.genotypes = state["snapshots"], state["best"], state["genotypes"]
        self.start = state["start"]

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, SearchModule)
        super().on_train_start(trainer, module)
        if not self.snapshots:
            self._snapshot(module.elapsed_epochs, module)
        if self.start is None:
            self.start = _alphas(module)

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, SearchModule)
        if not self.best:
            raise TrainingError(
                f"the search ended without a genotype to choose: {module.alpha_updates} alpha updates. Under "
                "hardware.precision=16-mixed every one may have overflowed: use bf16-mixed or 32-true."
            )

    def _snapshot(self, epoch: int, module: SearchModule) -> None:
        alphas = _alphas(module)
        gates = {kind: gate.cpu().clone() for kind, gate in module.supernet.expected_gates().items()}
        self.snapshots.append({"epoch": epoch, "alpha": alphas, "gate": gates})

    def begin_phase(self, continues: bool) -> None:
        """Before a further phase: what was best in the one before no longer counts, and unless it `continues` with the
        alphas of that phase they move from a new start."""
        self.best = {}
        if not continues:
            self.start = None

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, SearchModule)
        super().on_train_epoch_end(trainer, module)
        if trainer.is_global_zero and self.improved and not self.genotype.cells_only:
            columns = dict.fromkeys(("val_loss", f"val_{module.task.monitor}"))
            figures = in_figures(self.rows[-1], columns)
            self.report(f"{self.title} epoch {self.rows[-1]['epoch']}, best so far, {figures}: {self.genotype.line()}")

    def names_of(self, kind: str) -> tuple[list[str], list[str]]:
        """The names of a kind's candidates and of its edges."""
        primitives, edges = self.names.get(kind, (self.primitives, self.edges))
        return list(primitives), list(edges)

    def before_row(self, module: StepModule) -> None:
        """Derive the epoch's genotype and let the rules see it, for their figures are part of the row."""
        assert isinstance(module, SearchModule)
        self.genotype = self.derive(module.supernet.strengths())
        module.end_epoch(self.genotype)

    def extra_row(self, module: StepModule) -> Row:
        """Alpha movement (mean |α − α at the start|), gate entropy in nats, skip connections in the genotype."""
        assert isinstance(module, SearchModule) and self.start is not None  # since `on_train_start`
        self._snapshot(module.finished_epochs, module)
        self._keep_genotype(module)
        now = self.snapshots[-1]
        kinds = list(now["alpha"])
        moved = [(now["alpha"][kind] - self.start[kind]).abs().mean() for kind in kinds]
        row: Row = {"alpha_movement": float(sum(moved) / len(moved))}
        for kind in kinds:
            row[f"entropy_{kind}"] = gate_entropy(now["gate"][kind])
        for kind, cell in self.genotype.cells.items():
            row[f"skips_{kind}"] = sum(edge.op == "skip_connect" for node in cell.nodes for edge in node)
        return row

    def _keep_genotype(self, module: SearchModule) -> None:
        key = f"val_{module.task.monitor}"
        epoch, value = self.snapshots[-1]["epoch"], module.val_metrics.compute("val").get(key)
        # While alphas are warmed up for, gates are those of the random start: nothing to call best.
        counts = module.alphas_learned or module.alphas_fixed
        self.genotypes[epoch] = {"epoch": epoch, key: value, "genotype": self.genotype.to_json()}
        better = value is not None and (not self.best or module.task.better(value, self.best[key]))
        self.improved = counts and bool(better)
        if self.improved:
            self.best = self.genotypes[epoch]
        if module.verdict is not None:
            self.best = {**self.genotypes[module.verdict.epoch], "reason": module.verdict.reason}
        if self.folder is None or not module.trainer.is_global_zero:
            return
        self.genotype.save(self.folder / "genotypes" / f"epoch_{epoch:03d}.json")
        self.genotype.save(self.folder / "genotype_last.json")
        if self.best:
            from_json(self.best["genotype"]).save(self.folder / "genotype_best.json")
        write_arrays_atomically(self.folder / "alphas.npz", self.arrays())

    def arrays(self) -> dict[str, np.ndarray]:
        """`epoch` [T], `alpha_<kind>` and `gate_<kind>` [T, E, K], `primitives` [K], `edges` [E]; entry 0: start. Where
        kinds differ also `primitives_<kind>` and `edges_<kind>`."""
        found: dict[str, np.ndarray] = {"epoch": np.array([snapshot["epoch"] for snapshot in self.snapshots])}
        for what in RECORDED:
            for kind in self.snapshots[0][what]:
                found[f"{what}_{kind}"] = torch.stack([s[what][kind] for s in self.snapshots]).numpy()
        for kind, (primitives, edges) in self.names.items():
            found[f"primitives_{kind}"], found[f"edges_{kind}"] = np.array(list(primitives)), np.array(list(edges))
        return {**found, "primitives": np.array(self.primitives), "edges": np.array(self.edges)}


def _alphas(module: SearchModule) -> dict[str, Tensor]:
    return {kind: alpha.detach().cpu().clone() for kind, alpha in module.supernet.alphas.items()}


def gate_entropy(gates: Tensor) -> float:
    """Mean entropy in nats of the rows of `gates` [E, K], each divided by its sum; log K if flat, 0 if decided."""
    shares = gates / gates.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(gates.dtype).tiny)
    return float(torch.special.entr(shares).sum(dim=-1).mean())
