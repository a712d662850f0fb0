"""Run folders whose files are valid and unusual, or damaged: what strangers, other versions and interruptions leave."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import PRIMITIVES, history, write_json

from darts_pl.genotype import Cell, Genotype

HTML = "<script>alert(1)</script>"
LONG = "operation_" * 40
MANIFEST = {"command": "search", "seed": 0, "status": "complete", "device": "cpu", "overrides": ["seed=0"]}
Odd = Callable[[Path], None]


def bare(folder: Path, **manifest) -> Path:
    """A run that has a manifest and a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "manifest.json", {**MANIFEST, **manifest})
    (folder / "config.yaml").write_text("seed: 0\nname: odd\n", encoding="utf-8")
    return folder


def table(name: str, /, **columns) -> Odd:
    return lambda folder: pd.DataFrame(columns).to_csv(folder / name, index=False)


def text(name: str, content: str | bytes) -> Odd:
    content = content.encode() if isinstance(content, str) else content
    return lambda folder: [path.parent.mkdir(exist_ok=True) or path.write_bytes(content) for path in (folder / name,)]


def js(name: str, value: object) -> Odd:
    return lambda folder: write_json(folder / name, value)


def manifest(**values) -> Odd:
    return lambda folder: write_json(folder / "manifest.json", {**MANIFEST, **values})


def cut(name: str, written: Odd, part: float = 0.6) -> Odd:
    """A file of which the end is missing."""

    def write(folder: Path) -> None:
        written(folder)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * part)])

    return write


def several(*odd: Odd) -> Odd:
    return lambda folder: [each(folder) for each in odd] and None


def alphas(epochs=2, edges=("2<-0", "2<-1"), primitives=PRIMITIVES[:3], gates=None, **arrays) -> Odd:
    """alphas.npz of one kind of cell; `gates` makes them of a shape."""
    shape = (epochs + 1, len(edges), len(primitives))
    values = np.full(shape, 1 / max(1, len(primitives))) if gates is None else gates(shape)
    given = {"epoch": np.arange(epochs + 1), "gate_normal": values, "alpha_normal": values}
    names = {"primitives": np.array(primitives), "edges": np.array(edges)}
    return lambda folder: np.savez(folder / "alphas.npz", **{**given, **names, **arrays})


def genotype(*names: str, concat=(2,)) -> Odd:
    """genotype_best.json with one node whose edges have these operations."""
    cell = Cell.from_lists([[[name, place % 2] for place, name in enumerate(names)]], list(concat))
    return lambda folder: Genotype(cell, cell).save(folder / "genotype_best.json")


def with_nan(shape: tuple[int, ...]) -> np.ndarray:
    values = np.full(shape, np.nan)
    values.flat[0] = np.inf
    return values


def losses(values, **more) -> Odd:
    return table("history.csv", epoch=range(len(values)), train_loss=values, val_loss=values, **more)


def rows(*entries, **more) -> Odd:
    return js("results.json", {"rows": list(entries), **more})


def sweep(folder: Path, *runs: tuple[str, dict, Odd]) -> Path:
    """Runs by the names of their folders, with what their manifests say and what else they have."""
    for name, told, write in runs:
        write(bare(folder / name, **told))
    return folder


def nothing(folder: Path) -> None:
    """No file but manifest and configuration."""


# What is odd → what writes it, and what the notices must say of it: None where all of it can be shown.
RUNS: dict[str, tuple[Odd, str | None]] = {
    "history without a row": (text("history.csv", "epoch,train_loss,val_acc\n"), None),
    "history of one epoch": (losses([1.0], val_acc=[0.5], lr=[0.1]), None),
    "losses that are not finite": (losses([np.nan, np.inf, -np.inf], val_acc=[np.nan] * 3), None),
    "only the epochs": (table("history.csv", epoch=[0, 1]), None),
    "no column of epochs": (table("history.csv", step=[0, 1]), "history.csv (ValueError: no column 'epoch'"),
    "text among the numbers": (table("history.csv", epoch=[0, 1], train_loss=["1", "what"]), "history.csv (ValueError"),
    "five thousand epochs": (lambda folder: history(5000, 0.9, 0).to_csv(folder / "history.csv", index=False), None),
    "huge and negative losses": (losses([1e300, -1e300, 1e-300], lr=[-1.0, 0.0, 1e308]), None),
    "epochs without a number": (table("history.csv", epoch=[np.nan, np.nan], train_loss=[1.0, 2.0]), None),
    "a cut history": (cut("history.csv", losses([1.0, 2.0], val_acc=[0.1, 0.2]), 0.9), None),
    "an empty history": (text("history.csv", b""), "history.csv ("),
    "bytes for a history": (text("history.csv", b"\xff\xfe\x00\x00\x80"), "history.csv ("),
    "timing without columns": (table("timing.csv", epoch=[0, 1]), None),
    "timing that is not finite": (table("timing.csv", epoch=[0, np.nan], seconds_per_step=[np.inf, 1.0]), "Timing"),
    "alphas that are not finite": (alphas(gates=with_nan), None),
    "alphas of one operation": (alphas(primitives=["only"]), None),
    "alphas of another shape": (alphas(gates=lambda shape: np.zeros(shape[:2])), "alphas.npz (ValueError: gate_normal"),
    "alphas of names": (alphas(gates=lambda shape: np.full(shape, "a")), "Architecture weights"),
    "alphas without edges": (alphas(edges=[]), "Architecture weights"),
    "alphas before the first epoch": (alphas(epochs=-1), None),
    "a number for all epochs": (alphas(epoch=np.array(3)), "alphas.npz ("),
    "edges far apart": (alphas(edges=["9000<-1", "9001<-²"]), None),
    "names of edges and operations": (alphas(edges=[HTML, "名前 $x^2$"], primitives=[LONG, "a$b", HTML]), None),
    "a cut archive": (cut("alphas.npz", alphas()), "alphas.npz ("),
    "a genotype of one node": (genotype("skip_connect"), None),
    "names in a genotype": (genotype(LONG, HTML), None),
    "names of other alphabets": (genotype("畳み込み", "свёртка $_$"), None),
    "a cut genotype": (cut("genotype_best.json", genotype("none")), "genotype_best.json ("),
    "a list for a genotype": (js("genotype_best.json", []), "genotype_best.json ("),
    "results of other types": (js("results.json", {"rows": 3, "search": [], "published": "x"}), "Results"),
    "results without numbers": (rows({"name": None}, {}, {"name": "searched", "test_acc": "high"}), None),
    "zero, negative and huge numbers": (
        rows({"name": "searched", "test_acc": -3, "parameters": 0, "seconds": 1e308}, {"seconds": -5.0}), None,
    ),
    "numbers that are not finite": (rows({"test_acc": np.nan, "parameters": np.inf, "seconds": -np.inf}), None),
    "a number of five hundred digits": (rows({"name": "searched", "parameters": 10**500}), "results.json ("),
    "published genotypes without size": (js("results.json", {"published": [{"name": HTML, "parameters": 0}]}), None),
    "half of a surrogate pair": (text("results.json", r'{"rows": [{"name": "\ud800"}]}'), "Results (UnicodeEncode"),
    "nesting": (text("results.json", '{"rows":' + "[" * 100_000), "results.json ("),
    "a manifest of other types": (
        manifest(stages=[1], versions=3, overrides=7, seconds="long", peak_memory_mib=[], started=None), "title",
    ),
    "the manifest of another version": (manifest(command="distil", status="paused", monitor="bleu", stages=None), None),
    "a manifest without anything": (js("manifest.json", {}), None),
    "guards of other types": (js("guards.json", {"warnings": [{"what": "no epoch"}]}), "Warnings"),
    "a configuration that is no YAML": (text("config.yaml", "a: [1,\n\t%"), None),
    "a configuration with a name of other types": (text("config.yaml", "name: [a, b]\nspace: 3\n"), None),
    "folders in the place of files": (lambda folder: (folder / "history.csv").mkdir(), None),
}  # fmt: skip


def pool(*entries) -> Odd:
    return several(lambda folder: (folder / "candidates").mkdir(), js("candidates/pool.json", list(entries)))


def screen(**columns) -> Odd:
    return several(lambda folder: (folder / "screen").mkdir(), table("screen/scores.csv", **columns))


def rungs(**columns) -> Odd:
    return several(lambda folder: (folder / "search").mkdir(), table("search/rungs.csv", **columns))


def forecasts(**arrays) -> Odd:
    return lambda folder: np.savez(folder / "forecasts.npz", **arrays)


WINDOWS = np.zeros((2, 3, 1))
PIPELINES: dict[str, tuple[Odd, str | None]] = {
    "nothing yet": (lambda folder: None, None),
    "an empty pool": (pool(), None),
    "candidates without a space": (pool({"id": 1}, {"id": HTML, "space": None}), None),
    "a space of another type": (pool({"id": "c0", "space": [1]}), "Operations and choices"),
    "no scores": (screen(id=[], score=[]), None),
    "scores that failed": (screen(id=["a"], score=[np.nan], error=[HTML]), None),
    "scores that are not finite": (screen(id=["a", "b"], naswot_mean=[np.inf, 1], naswot_std=[np.nan, 0]), None),
    "rungs without epochs": (several(pool({"id": "a"}), rungs(id=["a"], val_mse=[1.0])), "Funnel of candidates"),
    "errors that are not finite": (rungs(id=["a", "b"], epochs=[1, 1], val_mse=[np.inf, np.nan]), None),
    "candidates without numbers": (table("candidates.csv", id=["a", HTML], genotype=["{", None]), "candidates.csv, a"),
    "results of other types": (js("results.json", {"rows": [3], "chosen": 5, "proxies": [1]}), "Results"),
    "results that are not finite": (rows({"name": "searched", "test_mse": np.inf}, {"name": "dlinear"}), None),
    "no network searched": (rows({"name": HTML, "test_mse": 1.0}), None),
    "an error of nought": (rows({"name": "searched", "test_mse": 1}, {"name": "dlinear", "test_mse": 0}), None),
    "forecasts of nothing": (forecasts(truth=WINDOWS[:0], past=WINDOWS[:0]), None),
    "forecasts without names": (forecasts(truth=WINDOWS * np.nan, past=WINDOWS, forecast_searched=WINDOWS), None),
    "fewer names than targets": (
        forecasts(truth=WINDOWS, past=WINDOWS, forecast_searched=WINDOWS, target_names=np.array([], str)), "Forecasts",
    ),
    "cut forecasts": (cut("forecasts.npz", forecasts(truth=WINDOWS, past=WINDOWS)), "forecasts.npz ("),
    "no horizon": (table("errors_by_horizon.csv", name=["searched"], step=[1], mse=[np.nan]), None),
    "phases of no time": (table("stats.csv", phase=["screen", HTML], seconds=[0, np.inf]), None),
    "a training without a number": (
        several(lambda folder: (folder / "retrain").mkdir(), table("retrain/history.csv", epoch=[0], val_mse=[np.inf])),
        None,
    ),
    "a manifest of other types": (
        lambda folder: write_json(folder / "manifest.json", {"command": "pipeline", "stages": [1], "status": 3}),
        "what is unfinished",
    ),
}  # fmt: skip


FINE = losses([1.0, 0.5], val_acc=[0.1, 0.4])
UNFINISHED = {"status": "running"}
PIPELINE = {"command": "pipeline"}
SWEEPS: dict[str, tuple[tuple[tuple[str, dict, Odd], ...], str | None]] = {
    "no run finished": ((("0", UNFINISHED, nothing), ("1", UNFINISHED, FINE)), None),
    "no run finished, of pipelines": ((("0", UNFINISHED | PIPELINE, nothing), ("1", PIPELINE, nothing)), None),
    "runs of two commands": ((("0", {}, FINE), ("1", {"command": "retrain"}, nothing)), None),
    "a pipeline among searches": ((("0", {}, FINE), ("1", PIPELINE, nothing)), None),
    "metrics missing in some": ((("0", {}, FINE), ("1", {}, rows({"name": "searched", "test_acc": 0.5}))), None),
    "losses that are not finite": ((("0", {}, losses([np.nan, np.inf])), ("1", {}, losses([-np.inf, 2.0]))), None),
    "huge losses": ((("0", {}, losses([1e308, 0.0])), ("1", {}, losses([-1e308, 1.0]))), "comparison.png"),
    "a damaged history": ((("0", {}, FINE), ("1", {}, text("history.csv", "step\n"))), None),
    "a manifest that is cut": ((("0", {}, FINE), ("1", {}, text("manifest.json", '{"comm'))), None),
    "results of other types": ((("0", {}, FINE), ("1", {}, js("results.json", {"rows": 7}))), "the numbers of run 1"),
    "results of other types, of pipelines": (
        (("0", PIPELINE, nothing), ("1", PIPELINE, js("results.json", {"rows": [7]}))), "the results of run 1",
    ),
    "overrides of other types": ((("0", {"overrides": 3, "seed": [1]}, FINE), ("1", {"overrides": {}}, FINE)), None),
    "one run with a long name": ((("x" * 200, {"overrides": ["epochs=" + "9" * 500]}, FINE),), None),
    "names of other alphabets": ((("実験<b>", {"overrides": [f"note={HTML}"]}, FINE), ("1", {}, FINE)), None),
    "more groups than lines": (tuple((str(n), {"overrides": [f"x={n}"]}, FINE) for n in range(41)), "41 groups"),
}  # fmt: skip

SLOW = {  # kinds that others above stand for
    "five thousand epochs", "no run finished, of pipelines", "runs of two commands", "a manifest that is cut",
    "overrides of other types", "one run with a long name", "results of other types, of pipelines", "a damaged history",
    "scores that are not finite", "a cut history", "epochs without a number", "edges far apart", "huge losses",
}  # fmt: skip


def cases(kinds: dict) -> list:
    """Names of kinds for parametrize, the slow ones marked."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in kinds]
