"""Run folders of searches over parts of a network: dozens of choices, inputs, several tasks, an error as metric."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from conftest import write_json
from pipeline_folder import gates

from darts_pl.genotype import Cell, SeriesGenotype
from darts_pl.genotype.series import LABELS

CELL_EDGES = ["2<-0", "2<-1", "3<-0", "3<-1", "3<-2"]
OPERATIONS = ["none", "identity", "grn", "tcn"]
CHOSEN = {
    "normalization": "revin", "decomposition": "none", "shortcut": "linear", "tokens": "variates",
    "position": "learned", "attention": "full", "feed_forward": "mlp",
}  # fmt: skip


def genotype(**choices: str) -> SeriesGenotype:
    """A genotype of the mode encoder_only."""
    cell = Cell.from_lists([[["grn", 0], ["tcn", 1]], [["identity", 1], ["grn", 2]]], [2, 3])
    return SeriesGenotype("encoder_only", {**CHOSEN, **choices}, {"encoder": cell})


def of_choices_only(count: int) -> SimpleNamespace:
    """The face of a genotype without cells: names and, as the last of them, chosen inputs."""
    names = {f"block {n}": ("conv", "pool", "identity")[n % 3] for n in range(count)}
    return SimpleNamespace(choices={**names, "inputs": ("early", "late")}, cells={}, space="parts")


def kinds_of(count: int) -> dict[str, tuple[list[str], list[str]]]:
    """Candidates and edges of `of_choices_only`."""
    kinds = {f"block {n}": (["conv", "pool", "identity"][: 2 + n % 2], [f"block {n}"]) for n in range(count)}
    return {**kinds, "inputs": (["left out", "taken"], ["early", "late", "raw"])}


SERIES_KINDS = {
    **{label: ([CHOSEN[label], "another"], [label]) for label in LABELS[:3]},
    "encoder": (OPERATIONS, CELL_EDGES),
}


def write_gates(folder: Path, kinds: dict, epochs: int) -> None:
    """alphas.npz of kinds that differ."""
    arrays = {"epoch": np.arange(epochs + 1), "primitives": np.array(OPERATIONS), "edges": np.array(CELL_EDGES)}
    for place, (kind, (names, edges)) in enumerate(kinds.items()):
        values = gates(epochs, len(edges), len(names), place)
        values = values if place % 2 else np.repeat(values[:1], epochs + 1, axis=0)  # every other one rests
        arrays |= {f"gate_{kind}": values, f"alpha_{kind}": np.log(values)}
        arrays |= {f"primitives_{kind}": np.array(names), f"edges_{kind}": np.array(edges)}
    np.savez(folder / "alphas.npz", **arrays)


def build(
    folder: Path, kinds: dict = SERIES_KINDS, *, monitor: str = "mse", tasks: tuple[str, ...] = (), best: float = 0.25,
    seed: int = 0, epochs: int = 8, status: str = "complete",
) -> Path:  # fmt: skip
    """All files of a finished search but genotypes; the metric goes from four times `best` to `best` at the last but
    one epoch, or for accuracies from a quarter of it."""
    folder.mkdir(parents=True)
    higher = monitor == "acc"
    manifest = {
        "command": "search", "seed": seed, "status": status, "device": "cpu", "overrides": [f"seed={seed}"],
        "stages": {}, "monitor": monitor, "higher_is_better": higher,
    }  # fmt: skip
    write_json(folder / "manifest.json", manifest)
    (folder / "config.yaml").write_text(f"seed: {seed}\n", encoding="utf-8")
    progress = np.minimum(np.arange(epochs) / (epochs - 2), 1)
    value = best * (0.25 + 0.75 * progress) if higher else best * (4 - 3 * progress)
    value[-1] = value[-2] * (0.9 if higher else 1.1)
    columns = {"epoch": np.arange(1, epochs + 1), "lr": 0.01, "alpha_movement": progress}
    for name in ("loss", monitor, *tasks):
        columns |= {f"train_{name}": value * 0.9, f"val_{name}": value}
    columns |= {f"entropy_{kind}": np.log(len(names)) * (1 - progress / 2) for kind, (names, _) in kinds.items()}
    pd.DataFrame(columns).to_csv(folder / "history.csv", index=False)
    timing = {"epoch": range(epochs), "seconds": 2.0, "steps": 10, "seconds_per_step": 0.2, "samples_per_s": 320.0}
    pd.DataFrame(timing).to_csv(folder / "timing.csv", index=False)
    write_gates(folder, kinds, epochs)
    further = {f"test_{name}": best for name in tasks}
    rows = [
        {"name": "searched", "test_loss": best, f"test_{monitor}": best, **further, "parameters": 900, "seconds": 3.0},
        {"name": "last value", f"test_{monitor}": 1.2345678, "parameters": None, "seconds": 0.0},
    ]
    search = {f"val_{monitor}_best": best, "epoch_best": epochs - 1, "alpha_updates": 40, "alpha_movement": 0.2}
    told = {"monitor": monitor, "higher_is_better": higher, "search": search, "rows": rows}
    write_json(folder / "results.json", told)
    return folder
