"""A folder of a staged pipeline with every file that its stages write, small but of the real forms; and parts of it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from darts_pl.genotype import Cell, SeriesGenotype

OPERATIONS = ("identity", "time_conv", "grn", "fourier", "dlinear", "tcn", "patch_embed", "inverted_attention")
PROXIES = ("params", "synflow", "naswot", "jacob_cov", "grad_norm", "snip")
LABELS = {
    "normalizations": ("revin",), "decompositions": ("none",), "shortcuts": ("none", "linear"),
    "tokens": ("patches", "variates"), "positions": ("learned",), "attentions": ("full",), "feed_forwards": ("mlp",),
}  # fmt: skip
KINDS = {
    "normalization": "normalizations", "decomposition": "decompositions", "shortcut": "shortcuts", "tokens": "tokens",
    "position": "positions", "attention": "attentions", "feed_forward": "feed_forwards",
}  # fmt: skip
CANDIDATES, PROMOTED, TARGETS = 12, 6, ("HUFL", "OT")
LOOK_BACK, HORIZON, WINDOWS = 48, 24, 6
TEST_MSE = {
    "searched": 0.371, "random 1": 0.380, "random 2": 0.376, "random 3": 0.384, "dlinear": 0.382, "nlinear": 0.386,
    "seasonal naive": 0.512, "last value": 1.293,
}  # fmt: skip
NAIVE = ("seasonal naive", "last value")
STAGES = ("candidates", "screen", "promote", "search", "choose", "retrain", "results")


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def pool_of(seed: int) -> list[dict]:
    """The drawn candidates; the operations of each are a different part of OPERATIONS."""
    generator = np.random.default_rng(seed)
    pool = []
    for place in range(CANDIDATES):
        chosen = sorted(generator.permutation(len(OPERATIONS))[: 3 + place % 3].tolist())
        space = {
            "mode": ("encoder_only", "encoder_decoder")[place % 2], "hidden_dim": (16, 32)[place % 2], "layers": 2,
            "num_nodes": 2, "patch_length": 16, "heads": 4, "dropout": 0.1,
            "primitives": [OPERATIONS[i] for i in chosen], **{name: list(names) for name, names in LABELS.items()},
        }  # fmt: skip
        pool.append({"id": f"c{place:03d}", "space": space})
    return pool


def genotype_of(space: dict) -> SeriesGenotype:
    """A genotype of the candidate's mode that uses its first operations."""
    names = space["primitives"]
    cell = Cell.from_lists([[[names[0], 0], [names[1], 1]], [[names[0], 1], [names[-1], 2]]], [2, 3])
    choices = {label: space[plural][-1] for label, plural in KINDS.items()}
    if space["mode"] == "encoder_decoder":
        return SeriesGenotype(space["mode"], {**choices, "cross_attention": "full"}, {"encoder": cell, "decoder": cell})
    return SeriesGenotype(space["mode"], choices, {"encoder": cell})


def gates(epochs: int, edges: int, names: int, seed: int) -> np.ndarray:
    """Softmax gates [epochs + 1, E, K] that start equal and drift apart."""
    directions = np.random.default_rng(seed).normal(size=(edges, names))
    logits = np.linspace(0, 1.5, epochs + 1)[:, None, None] * directions
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


def write_search(folder: Path, space: dict, epochs: int, seed: int) -> None:
    """history.csv, alphas.npz and genotype_best.json of one candidate's search."""
    folder.mkdir(parents=True)
    progress = np.linspace(0.2, 1, epochs)
    losses = {"train_loss": 0.8 - 0.4 * progress, "val_loss": 0.9 - 0.4 * progress}
    pd.DataFrame({"epoch": range(epochs), **losses}).to_csv(folder / "history.csv", index=False)
    cell_edges = ["2<-0", "2<-1", "3<-0", "3<-1", "3<-2"]
    arrays = {
        "epoch": np.arange(epochs + 1),
        "primitives": np.array(space["primitives"]),
        "edges": np.array(cell_edges),
    }
    kinds = {"encoder": (space["primitives"], cell_edges)}
    kinds |= {label: (space[plural], [label]) for label, plural in KINDS.items() if len(space[plural]) > 1}
    for place, (kind, (names, edges)) in enumerate(kinds.items()):
        values = gates(epochs, len(edges), len(names), seed + place)
        arrays |= {f"gate_{kind}": values, f"alpha_{kind}": np.log(values)}
        arrays |= {f"primitives_{kind}": np.array(names), f"edges_{kind}": np.array(edges)}
    np.savez(folder / "alphas.npz", **arrays)
    genotype_of(space).save(folder / "genotype_best.json")


def scores_of(pool: list[dict], seed: int) -> pd.DataFrame:
    """screen/scores.csv: `naswot` is steady, `grad_norm` varies over repeats more than between candidates; the last
    candidate failed."""
    generator = np.random.default_rng(seed + 1)
    table = pd.DataFrame({"id": [entry["id"] for entry in pool]})
    table["parameters"] = generator.integers(8_000, 60_000, len(pool))
    for name in PROXIES:
        table[f"{name}_mean"] = table["parameters"] if name == "params" else generator.normal(size=len(pool)).round(6)
        table[f"{name}_std"] = {"params": 0.0, "grad_norm": 2.0}.get(name, 0.02)
    table["score"] = generator.normal(size=len(pool)).round(4)
    table["error"] = [""] * (len(pool) - 1) + ["TrainingError: the loss is nan"]
    table.loc[table["error"] != "", "score"] = np.nan
    table = table.sort_values("score", ascending=False, na_position="last", ignore_index=True)
    table["rank"] = range(1, len(table) + 1)
    return table


def rungs_of(promoted: list[str]) -> pd.DataFrame:
    """search/rungs.csv: three rungs, half of the candidates kept by each."""
    rows, left = [], list(promoted)
    for rung, epochs in enumerate((2, 4, 8)):
        losses = {name: round(0.6 - 0.03 * epochs**0.5 + 0.01 * place, 4) for place, name in enumerate(left)}
        keep = left[: max(2, len(left) // 2)] if rung < 2 else left
        rows += [(rung, name, epochs, loss, name in keep) for name, loss in losses.items()]
        left = keep
    return pd.DataFrame(rows, columns=["rung", "id", "epochs", "val_mse", "kept"])


def candidates_of(pool, scores, promoted, rungs, choices) -> pd.DataFrame:
    """candidates.csv."""
    rows = []
    for entry in pool:
        name, space = entry["id"], entry["space"]
        score = scores[scores["id"] == name].iloc[0]
        own, choice = rungs[rungs["id"] == name], choices[choices["id"] == name]
        chosen = len(choice) and bool(choice["chosen"].iloc[0])
        status = "failed" if score["error"] else "screened" if name not in promoted else "searched"
        status = "chosen" if chosen else "derived" if len(choice) else status
        rows.append({
            "id": name, "status": status, "error": score["error"], "mode": space["mode"],
            "hidden_dim": space["hidden_dim"], "layers": space["layers"], "num_nodes": space["num_nodes"],
            "tokens": "|".join(space["tokens"]), "operations": "|".join(space["primitives"]),
            "parameters": score["parameters"], "score": score["score"],
            **{f"proxy_{proxy}": score[f"{proxy}_mean"] for proxy in PROXIES},
            **{f"proxy_{proxy}_std": score[f"{proxy}_std"] for proxy in PROXIES},
            "search_val_mse": own["val_mse"].iloc[-1] if len(own) else None,
            "rung": own["rung"].iloc[-1] if len(own) else None,
            "choice_val_mse": choice["val_mse"].iloc[0] if len(choice) else None,
            "genotype": genotype_of(space).to_json() if len(choice) else None,
            "seconds_screen": 1.2, "seconds_search": 30.0 if len(own) else None, "seconds_choose": None,
        })  # fmt: skip
    return pd.DataFrame(rows)


def results_of(chosen: dict, test_mse: dict[str, float], trained: int) -> dict:
    """results.json; the proxies were judged on `trained` candidates."""
    rows = [
        {
            "name": name, "test_mse": mse, "test_mae": round(mse**0.5 * 0.65, 4), "test_mase": round(mse * 2.1, 4),
            "test_mse_original": mse * 9.0, "test_mae_original": mse**0.5 * 1.9, "val_mse": mse * 1.6,
            "parameters": 0 if name in NAIVE else 41_234, "seconds": 0.0 if name in NAIVE else 65.2,
        }
        for name, mse in test_mse.items()
    ]  # fmt: skip
    strengths = {"params": 0.31, "synflow": 0.66, "naswot": 0.54, "jacob_cov": 0.12, "grad_norm": -0.43, "snip": 0.2}
    proxies = {
        name: {"spearman": rho, "n": trained, "beats_params": None if name == "params" else rho > 0.31}
        for name, rho in strengths.items()
    }
    genotype = json.loads(genotype_of(chosen["space"]).to_json())
    return {
        "rows": rows, "chosen": {"id": chosen["id"], "genotype": genotype}, "proxies": proxies,
        "target_names": list(TARGETS), "stages": {}, "notes": ["Seasonal period: 24 steps."],
    }  # fmt: skip


def horizon_of(test_mse: dict[str, float]) -> pd.DataFrame:
    """errors_by_horizon.csv: errors that grow with the step and have the test error as their mean."""
    steps = np.arange(1, HORIZON + 1)
    shape = np.sqrt(steps) / np.sqrt(steps).mean()
    parts = [
        pd.DataFrame({"name": name, "step": steps, "mse": mse * shape, "mae": mse**0.5 * shape})
        for name, mse in test_mse.items()
    ]
    return pd.concat(parts, ignore_index=True)


def forecasts_of(test_mse: dict[str, float], seed: int) -> dict[str, np.ndarray]:
    """forecasts.npz: a daily cycle on the scale of degrees; forecasts miss it by noise of their test error."""
    generator = np.random.default_rng(seed)
    steps = np.arange(LOOK_BACK + HORIZON)
    phase = generator.uniform(0, 6, size=(WINDOWS, 1, len(TARGETS)))
    series = 20 + 8 * np.sin(2 * np.pi * steps[None, :, None] / 24 + phase)
    series = series + generator.normal(scale=1.2, size=series.shape)
    past, truth = series[:, :LOOK_BACK], series[:, LOOK_BACK:]
    made = {
        f"forecast_{name}": truth + generator.normal(scale=2 * mse**0.5, size=truth.shape)
        for name, mse in test_mse.items()
    }
    starts = np.array([f"2017-0{month + 1}-03T05:00:00" for month in range(WINDOWS)])
    return {"truth": truth, "past": past, **made, "starts": starts, "target_names": np.array(TARGETS)}


def write_training(folder: Path, reached: float, epochs: int = 10) -> None:
    folder.mkdir(parents=True)
    progress = np.linspace(0, 1, epochs)
    errors = {"train_mse": 0.9 * reached + 0.4 * (1 - progress), "val_mse": 1.3 * reached + 0.3 * (1 - progress) ** 2}
    pd.DataFrame({"epoch": range(epochs), **errors}).to_csv(folder / "history.csv", index=False)


def write_manifest(folder: Path, seed: int, until: str, overrides: tuple[str, ...]) -> None:
    done = STAGES[: STAGES.index(until) + 1]
    manifest = {
        "command": "pipeline", "seed": seed, "config_sha256": "cd" * 32, "device": "cpu (2 threads)",
        "status": "complete" if until == STAGES[-1] else "stopped", "overrides": list(overrides),
        "versions": {"darts_pl": "0.1.0", "torch": "2.13.0", "lightning": "2.6.6"},
        "stages": {name: {"status": "complete", "seconds": 30.0, "peak_memory_mib": 700.0} for name in done},
        "started": "2025-01-02T03:04:05", "seconds": 900.0, "peak_memory_mib": 812.0,
    }  # fmt: skip
    write_json(folder / "manifest.json", manifest)


def build_pipeline_run(
    folder: Path,
    *,
    seed: int = 0,
    until: str = STAGES[-1],
    test_mse: dict[str, float] = TEST_MSE,
    trained: int = 6,
    overrides: tuple[str, ...] = ("+experiment=etth1_staged",),
) -> Path:
    """Write the files of a pipeline up to and with the stage `until`."""
    done = STAGES[: STAGES.index(until) + 1]
    write_manifest(folder, seed, until, overrides)
    (folder / "config.yaml").write_text(f"seed: {seed}\nname: etth1\n", encoding="utf-8")
    pool = pool_of(seed)
    write_json(folder / "candidates" / "pool.json", pool)
    spaces = {entry["id"]: entry["space"] for entry in pool}
    scores = scores_of(pool, seed)
    if "screen" in done:
        (folder / "screen").mkdir()
        scores.to_csv(folder / "screen" / "scores.csv", index=False)
    promoted = scores["id"].tolist()[:PROMOTED]
    if "promote" in done:
        write_json(folder / "search" / "promoted.json", promoted)
    rungs = rungs_of(promoted)
    if "search" in done:
        rungs.to_csv(folder / "search" / "rungs.csv", index=False)
        for place, (name, epochs) in enumerate(rungs.groupby("id", sort=False)["epochs"].max().items()):
            write_search(folder / "search" / name, spaces[name], int(epochs), seed + 10 * place)
    choices = pd.DataFrame({"id": promoted[:3], "val_mse": [0.61, 0.58, 0.6], "parameters": [21_000, 41_234, 33_000]})
    choices["chosen"] = choices["val_mse"] == choices["val_mse"].min()
    if "choose" in done:
        (folder / "choose").mkdir()
        choices.to_csv(folder / "choose" / "choices.csv", index=False)
    chosen = next(entry for entry in pool if entry["id"] == promoted[1])
    if "retrain" in done:
        trained_in = {"retrain": "searched", "nlinear": "nlinear", "dlinear": "dlinear"}
        trained_in |= {f"random_{i}": f"random {i + 1}" for i in range(3)}
        for name, row in trained_in.items():
            write_training(folder / name, test_mse[row])
        genotype_of(chosen["space"]).save(folder / "retrain" / "genotype.json")
    if "results" in done:
        candidates_of(pool, scores, promoted, rungs, choices).to_csv(folder / "candidates.csv", index=False)
        write_json(folder / "results.json", results_of(chosen, test_mse, trained))
        horizon_of(test_mse).to_csv(folder / "errors_by_horizon.csv", index=False)
        np.savez(folder / "forecasts.npz", **forecasts_of(test_mse, seed))
        stats = [
            ("screen", 18.0, 640.0, 2, 33.1, 0.92, 1.81), ("search", 420.0, 702.0, 2, 770.0, 0.917, None),
            ("choose", 95.0, 610.0, 2, 150.0, 0.79, None), ("retrain", 340.0, 812.0, 1, None, None, None),
        ]  # fmt: skip
        columns = ["phase", "seconds", "peak_memory_mib", "workers", "busy_s", "occupancy", "speedup"]
        pd.DataFrame(stats, columns=columns).to_csv(folder / "stats.csv", index=False)
    return folder
