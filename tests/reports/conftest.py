"""A run folder with every file a finished search writes, small but of the real forms; a real tiny retraining."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darts_pl import retrain
from darts_pl.genotype import KNOWN
from darts_pl.reports.run_page import write_report

PRIMITIVES = (
    "none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
    "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
NODES = 2  # fewer than the genotypes have: every edge costs a picture
EDGES = tuple(f"{target}<-{source}" for target in range(2, NODES + 2) for source in range(target))


def gates_over_time(epochs: int, seed: int) -> np.ndarray:
    """Softmax gates `[epochs + 1, E, K]` that start equal and drift apart."""
    directions = np.random.default_rng(seed).normal(size=(len(EDGES), len(PRIMITIVES)))
    logits = np.linspace(0, 1.2, epochs + 1)[:, None, None] * directions
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


def history(epochs: int, val_acc: float, seed: int) -> pd.DataFrame:
    """A search's history whose best and last validation accuracy is `val_acc`."""
    progress = (np.arange(epochs) + 1) / epochs
    gates = {cell: gates_over_time(epochs, seed + place)[1:] for place, cell in enumerate(("normal", "reduce"))}
    entropy = {cell: -(gate * np.log(gate)).sum(-1).mean(-1) for cell, gate in gates.items()}
    return pd.DataFrame(
        {
            "epoch": np.arange(epochs),
            "train_loss": 2.3 - 1.5 * progress,
            "train_acc": 0.1 + 0.8 * progress,
            "val_loss": 2.3 - 1.2 * progress,
            "val_acc": val_acc * np.sqrt(progress),
            "lr": 0.0125 * (1 + np.cos(np.pi * progress)),
            "alpha_updates": 20 * (np.arange(epochs) + 1),
            "alpha_movement": 0.1 * progress * (1 + 0.1 * seed),
            "entropy_normal": entropy["normal"],
            "entropy_reduce": entropy["reduce"],
            "skips_normal": np.minimum(np.arange(epochs) // 4, 2),
            "skips_reduce": np.minimum(np.arange(epochs) // 3, 3),
        }
    )


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def write_manifest(folder: Path, seed: int, status: str, overrides: list[str]) -> None:
    manifest = {
        "command": "search", "seed": seed, "config_sha256": "ab" * 32, "device": "cpu", "status": status,
        "versions": {"darts_pl": "0.1.0", "torch": "2.13.0", "lightning": "2.6.6"},
        "stages": {"search": {"status": "complete", "seconds": 4000.0, "peak_memory_mib": 870.0},
                   "linear": {"status": "complete", "seconds": 0.5}},
        "started": "2025-01-02T03:04:05", "seconds": 4210.0, "peak_memory_mib": 912.3, "overrides": overrides,
    }  # fmt: skip
    write_json(folder / "manifest.json", manifest)


def write_results(folder: Path, test_acc: float) -> None:
    rows = [
        {"name": "searched", "test_acc": test_acc, "parameters": 51234, "seconds": 61.0},
        {"name": "random architecture", "test_acc": test_acc - 0.02, "parameters": 49870, "seconds": 58.5},
        {"name": "linear baseline", "test_acc": 0.9139, "parameters": 650, "seconds": 0.12},
    ]
    published = [
        {"name": name, "parameters": count}
        for name, count in (("DARTS_V1", 3169414), ("DARTS_V2", 3349342), ("PC_DARTS_CIFAR", 3634678))
    ]
    results = {"rows": rows, "published": published, "derived_parameters_paper_size": 3100000}
    write_json(folder / "results.json", results)


def write_training(folder: Path, reached: float) -> None:
    folder.mkdir()
    progress = np.linspace(0.1, 1, 10)
    columns = {"epoch": range(10), "train_loss": 2.3 - 2 * progress, "train_acc": reached * np.sqrt(progress)}
    pd.DataFrame({**columns, "val_acc": reached * progress, "lr": 0.025}).to_csv(folder / "history.csv", index=False)


def build_run(
    folder: Path, *, seed: int = 0, epochs: int = 12, val_acc: float = 0.9, status: str = "complete",
    overrides: tuple[str, ...] = ("seed=0",), config: str = "epochs: 12\nhypergradient:\n  xi: 0.5\n",
) -> Path:  # fmt: skip
    """Write all files of a search that found DARTS_V2 best and DARTS_V1 last."""
    (folder / "genotypes").mkdir(parents=True)
    write_manifest(folder, seed, status, list(overrides))
    (folder / "config.yaml").write_text(f"seed: {seed}\n{config}", encoding="utf-8")
    history(epochs, val_acc, seed).to_csv(folder / "history.csv", index=False)
    steps = np.full(epochs, 40)
    per_step = 0.25 + 0.01 * np.arange(epochs)
    timing = {
        "epoch": range(epochs),
        "seconds": steps * per_step,
        "steps": steps,
        "seconds_per_step": per_step,
    }
    pd.DataFrame({**timing, "samples_per_s": 64 / per_step, "peak_memory_mib": 912.3}).to_csv(
        folder / "timing.csv", index=False
    )
    gates = [gates_over_time(epochs, seed + place) for place in (0, 1)]
    np.savez(
        folder / "alphas.npz", epoch=np.arange(epochs + 1), alpha_normal=np.log(gates[0]),
        alpha_reduce=np.log(gates[1]), gate_normal=gates[0], gate_reduce=gates[1],
        primitives=np.array(PRIMITIVES), edges=np.array(EDGES),
    )  # fmt: skip
    KNOWN["DARTS_V2"].save(folder / "genotype_best.json")
    KNOWN["DARTS_V1"].save(folder / "genotype_last.json")
    seen = {"about": "movement", "phase": 0, "epoch": 3, "what": "the alphas have not moved", "try": "a larger rate"}
    write_json(folder / "guards.json", {"warnings": [seen]})
    KNOWN["DARTS_V1"].save(folder / "genotypes" / "epoch_000.json")
    write_results(folder, test_acc=val_acc + 0.03)
    write_training(folder / "retrain", 0.93)
    write_training(folder / "random", 0.9)
    return folder


TINY_RETRAINING = (
    "genotype=DARTS_V2", "+data.limit_train=96", "+data.limit_test=64", "hardware.threads=1",
    "hardware.accelerator=cpu", "retraining.epochs=2", "retraining.batch_size=32", "retraining.init_channels=2",
    "retraining.layers=3", "retraining.linear_baseline=false",
)  # fmt: skip


def real_retraining(folder: Path, *overrides: str) -> Path:
    """The folder of `darts_pl.retrain`, run in this process on a few digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["darts_pl.retrain", *TINY_RETRAINING, *overrides, f"hydra.run.dir={folder}"])
        assert retrain.main() == 0
    return folder


@pytest.fixture(scope="session")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real retraining beside a random architecture."""
    return real_retraining(tmp_path_factory.mktemp("retrained") / "run")


@pytest.fixture(scope="session")
def retrained_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real retraining without anything to compare with, and with images held out for validation."""
    settings = ("retraining.random_architecture=false", "retraining.holdout=0.25")
    return real_retraining(tmp_path_factory.mktemp("retrained_alone") / "run", *settings)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return build_run(tmp_path / "2025-01-02_digits")


@pytest.fixture(scope="session")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a complete run, written once for the tests that only read it."""
    return write_report(build_run(tmp_path_factory.mktemp("full") / "2025-01-02_digits"))


@pytest.fixture
def bare_run(tmp_path: Path) -> Path:
    """A run with a manifest, a configuration and results but nothing to draw except the sizes."""
    folder = tmp_path / "2025-01-02_digits"
    folder.mkdir()
    write_manifest(folder, 0, "complete", ["seed=0"])
    (folder / "config.yaml").write_text("note: <script>alert(1)</script>\n", encoding="utf-8")
    write_results(folder, 0.93)
    return folder


SWEEP = {
    "0": ("first", 0, 0.80), "1": ("first", 1, 0.84), "2": ("first", 2, 0.85),
    "3": ("finite_difference", 0, 0.86), "4": ("finite_difference", 1, 0.90),
}  # fmt: skip


@pytest.fixture
def sweep_folder(tmp_path: Path) -> Path:
    """Three runs of one hypergradient, two of another: the second has too few for a deviation."""
    for name, (order, seed, val_acc) in SWEEP.items():
        overrides = ("+experiment=smoke", f"hypergradient={order}", f"seed={seed}")
        build_run(tmp_path / "sweep" / name, seed=seed, val_acc=val_acc, overrides=overrides)
    return tmp_path / "sweep"
