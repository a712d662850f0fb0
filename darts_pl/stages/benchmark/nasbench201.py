"""Finished searches of the NAS-Bench-201 space beside what its tables say of the cells that they found."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from darts_pl.bounded import read_json, read_text
from darts_pl.bounded.tables import read_table
from darts_pl.data.nasbench201_tables import Tables
from darts_pl.genotype import Nasbench201Genotype
from darts_pl.stages.manifest import read_manifest

PUBLISHED = {  # CIFAR-10 test accuracy in percent, as tabulated by the DrNAS authors (arXiv:2006.10355)
    "ENAS": 54.30,
    "DARTS": 54.30,
    "SNAS": 92.77,
    "PC-DARTS": 93.41,
    "DrNAS": 94.36,
    "beta-DARTS": 94.36,
}
DRAWS = (1, 10, 50, 100)


def run_row(folder: Path, tables: Tables) -> dict[str, Any]:
    """What one finished run found: its cell, looked up, and what it cost.

    The cell is that of the last epoch, the field's custom, unless a rule stopped the search or a selection chose;
    `best_val_test_acc` is the test accuracy of the cell at the epoch with the best validation accuracy of the supernet.
    """
    search = read_manifest(folder)["stages"]["search"]
    chosen = "best" if "selection" in search or "stopped" in search else "last"
    cell = _digits(folder / f"genotype_{chosen}.json")
    history, timing = read_table(folder / "history.csv"), read_table(folder / "timing.csv")
    last, best = history.iloc[-1], int(history.loc[history["val_acc"].idxmax(), "epoch"])
    best_cell = _digits(folder / "genotypes" / f"epoch_{best:03d}.json")
    return {
        "cell": cell,
        "test_acc": tables.test_accuracy(cell),
        "val_acc_12ep": tables.validation_accuracy_12ep(cell),
        "best_val_test_acc": tables.test_accuracy(best_cell) if last["alpha_updates"] else math.nan,
        "regret": tables.best()[1] - tables.test_accuracy(cell),
        "percentile": tables.percentile(tables.test_accuracy(cell)),
        "skips": cell.count("1"),
        "entropy": float(last["entropy_cell"]),
        "alpha_movement": float(last["alpha_movement"]),
        "alpha_updates": int(search["alpha_updates"]),
        "epochs": int(last["epoch"]),
        "seconds": round(search["seconds"], 1),
        "seconds_per_step": float(timing["seconds_per_step"].median()),
        "peak_memory_mib": float(search["peak_memory_mib"]),
        "warnings": len(_guards(folder)),
        "stopped": search.get("stopped", ""),
    }


def _digits(path: Path) -> str:
    return Nasbench201Genotype.from_json(read_text(path), str(path)).digits


def _guards(folder: Path) -> list[dict[str, Any]]:
    path = folder / "guards.json"
    return read_json(path)["warnings"] if path.is_file() else []


def anytime(folder: Path, tables: Tables) -> list[dict[str, Any]]:
    """One row an epoch: test accuracy of the cell derived then, skips, gate entropy. Where alphas are never trained
    (random search) what is derived from them says nothing: no accuracy."""
    history = read_table(folder / "history.csv").set_index("epoch")
    trained = history["alpha_updates"].iloc[-1] > 0
    rows = []
    for path in sorted((folder / "genotypes").glob("epoch_*.json")):
        epoch, cell = int(path.stem.removeprefix("epoch_")), _digits(path)
        rows.append(
            {
                "epoch": epoch,
                "cell": cell,
                "test_acc": tables.test_accuracy(cell) if trained else math.nan,
                "skips": cell.count("1"),
                "entropy": float(history.loc[epoch, "entropy_cell"]),
            }
        )
    return rows


def best_variants(runs: pd.DataFrame) -> pd.DataFrame:
    """Of a method's variants at one seed (R-DARTS: weight decays) the one whose cell validates best after 12 epochs of
    training, and the seconds of all: choosing is part of the cost. Test accuracies play no part."""
    chosen = runs.loc[runs.groupby(["method", "seed"])["val_acc_12ep"].idxmax()].copy()
    seconds = runs.groupby(["method", "seed"])["seconds"].sum()
    chosen["seconds"] = [seconds[key] for key in zip(chosen["method"], chosen["seed"])]
    return chosen


def summary(runs: pd.DataFrame, methods: Iterable[str]) -> pd.DataFrame:
    """One row a method: mean and standard deviation (n − 1) over its seeds, in the order of `methods`."""
    rows = []
    for method in methods:
        own = runs[runs["method"] == method]
        if len(own):
            rows.append(_summary_row(method, own))
    frame = pd.DataFrame(rows)
    reference = frame[frame["method"] == "darts"]
    if len(reference):
        frame["relative_step"] = frame["seconds_per_step"] / float(reference["seconds_per_step"].iloc[0])
    return frame


def _summary_row(method: str, own: pd.DataFrame) -> Mapping[str, object]:
    deviation = own["test_acc"].std() if len(own) > 1 else math.nan
    means = ("percentile", "regret", "best_val_test_acc", "skips", "entropy", "alpha_updates", "seconds")
    return {
        "method": method,
        "seeds": len(own),
        "test_acc": own["test_acc"].mean(),
        "test_acc_std": deviation,
        "test_acc_min": own["test_acc"].min(),
        **{name: own[name].mean() for name in means},
        "seconds_per_step": own["seconds_per_step"].median(),
        "warnings": int(own["warnings"].sum()),
    }


def references(tables: Tables) -> list[tuple[str, float]]:
    """What every table is read beside: random cells and the optimum of the tables, and published figures."""
    draws = [
        (f"random, expected best of {n}" if n > 1 else "random cell, mean", tables.expected_best_of(n)) for n in DRAWS
    ]
    median = [("median of all 15,625 cells", tables.median)]
    published = [(f"{name}, published", value) for name, value in PUBLISHED.items()]
    return [*draws[:1], *median, *draws[1:], *published, ("optimum", tables.best()[1])]
