"""Stage 7: what the run found, in files: candidates.csv, results.json, stats.csv, errors_by_horizon.csv, forecasts.npz.

All of it is put together from what the stages left, so that it can be done again.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darts_pl.bounded import read_json
from darts_pl.bounded.arrays import read_arrays
from darts_pl.paths import write_arrays_atomically, write_atomically
from darts_pl.stages.pipeline.baselines import TRAINED
from darts_pl.stages.pipeline.halving import genotype_text
from darts_pl.stages.run import RunFolder

CANDIDATES, STATS, BY_HORIZON, FORECASTS = "candidates.csv", "stats.csv", "errors_by_horizon.csv", "forecasts.npz"
FIGURES = ("test_mse", "test_mae", "test_mase", "test_mse_original", "test_mae_original", "val_mse", "parameters")
PHASES = ("candidates", "screen", "promote", "search", "choose", "retrain", "robust_pool")


def candidate_table(
    run: RunFolder,
    candidates: Mapping[str, Mapping[str, Any]],
    proxies: Sequence[str],
    scores: pd.DataFrame,
    promoted: Sequence[str],
    rungs: pd.DataFrame,
    choices: pd.DataFrame,
) -> pd.DataFrame:
    """One row a candidate, in the order they were drawn; how far each came, and why it failed where it did."""
    chosen = choices.set_index("id")
    rows = []
    for identifier, space in candidates.items():
        score, searches = scores.loc[identifier], rungs[rungs["id"] == identifier]
        choice = chosen.loc[identifier] if identifier in chosen.index else None
        outcomes = [score["error"], *searches["error"], None if choice is None else choice["error"]]
        errors = [each for each in outcomes if isinstance(each, str)]
        losses = searches["val_mse"].dropna()
        row = {
            "id": identifier,
            "status": _status(identifier in promoted, len(losses) > 0, choice, bool(errors)),
            "error": errors[0] if errors else None,
            **{name: space[name] for name in ("mode", "hidden_dim", "layers", "num_nodes")},
            "tokens": "|".join(space["tokens"]),
            "operations": "|".join(space["primitives"]),
            "parameters": score["parameters"],
            "score": score["score"],
        }
        for name in proxies:
            row[f"proxy_{name}"], row[f"proxy_{name}_std"] = score[f"{name}_mean"], score[f"{name}_std"]
        row |= {
            "search_val_mse": losses.iloc[-1] if len(losses) else None,
            "rung": int(searches["rung"].max()) if len(searches) else None,
            "choice_val_mse": None if choice is None else choice["val_mse"],
            "genotype": genotype_text(run, identifier),
            "seconds_screen": _seconds(run.path / "screen" / f"{identifier}.json"),
            "seconds_search": searches["seconds"].sum() if len(searches) else None,
            "seconds_choose": None if choice is None else choice["seconds"],
        }
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.astype({"parameters": "Int64", "rung": "Int64"})


def _status(promoted: bool, searched: bool, choice: pd.Series | None, failed: bool) -> str:
    if failed:
        return "failed"
    if choice is not None:
        return "chosen" if choice["chosen"] else "derived"
    if searched:
        return "searched"
    return "promoted" if promoted else "screened"


def _seconds(path: Path) -> float | None:
    return read_json(path)["seconds"] if path.is_file() else None


def result_rows(figures: Mapping[str, Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """(the rows of the final table, notes on those that failed)."""
    rows = [
        {"name": name, **{key: each.get(key) for key in FIGURES}, "seconds": each["seconds"]}
        for name, each in figures.items()
        if not each["error"]
    ]
    notes = [f"{name} failed: {each['error'].splitlines()[0]}" for name, each in figures.items() if each["error"]]
    return rows, notes


def stats_table(run: RunFolder) -> pd.DataFrame:
    """Seconds, memory, workers and what they were busy for, a row a phase; blank where it was not measured. Figures of
    jobs are of the last process that ran the phase, where it was interrupted."""
    rows = []
    for phase in PHASES:
        entry = run.manifest["stages"].get(phase)
        if entry is None:
            continue
        workers, busy, wall = entry.get("workers"), entry.get("busy_s"), entry.get("jobs_wall_s")
        rows.append(
            {
                "phase": phase,
                "seconds": entry["seconds"],
                "peak_memory_mib": entry.get("peak_memory_mib"),
                "workers": workers,
                "busy_s": busy,
                "occupancy": round(busy / (workers * wall), 3) if workers and wall else None,
                "speedup": entry.get("speedup"),
            }
        )
    return pd.DataFrame(rows).astype({"workers": "Int64"})


def horizon_table(figures: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """name, step, mse, mae: errors by horizon step of every row of the final table."""
    rows = [{"name": name, **step} for name, each in figures.items() if not each["error"] for step in each["by_step"]]
    return pd.DataFrame(rows, columns=["name", "step", "mse", "mae"])


def shown_forecasts(folders: Mapping[str, Path], target_names: Sequence[str]) -> dict[str, np.ndarray]:
    """The forecasts that the rows kept, as one: truth, past, starts, `forecast_<name>`, target_names."""
    arrays: dict[str, np.ndarray] = {"target_names": np.array(list(target_names))}
    for name, folder in folders.items():
        path = folder / FORECASTS
        if not path.is_file():
            continue
        kept = read_arrays(path, ("truth", "past", "starts", "forecast"))
        arrays |= {each: kept[each] for each in ("truth", "past", "starts")}
        arrays[f"forecast_{name}"] = kept["forecast"]
    return arrays


def row_folder(run: RunFolder, name: str) -> Path:
    """Where the row `name` of the final table lies."""
    if name == "searched":
        return run.path / "retrain"
    if name.startswith("random "):
        return run.path / f"random_{int(name.removeprefix('random ')) - 1}"
    return run.path / name if name in TRAINED else run.path / "naive" / name.replace(" ", "_")


def write_results(
    run: RunFolder,
    *,
    table: pd.DataFrame,
    figures: Mapping[str, Mapping[str, Any]],
    correlations: Mapping[str, Mapping[str, Any]],
    target_names: Sequence[str],
    notes: Sequence[str],
    collect_stats: bool,
) -> dict[str, Any]:
    """Write the files and return what results.json holds."""
    write_atomically(run.path / CANDIDATES, lambda path: table.to_csv(path, index=False))
    write_atomically(run.path / BY_HORIZON, lambda path: horizon_table(figures).to_csv(path, index=False))
    folders = {name: row_folder(run, name) for name, each in figures.items() if not each["error"]}
    write_arrays_atomically(run.path / FORECASTS, shown_forecasts(folders, target_names))
    if collect_stats:
        stats = stats_table(run)
        write_atomically(run.path / STATS, lambda path: stats.to_csv(path, index=False))
    rows, failures = result_rows(figures)
    chosen = table[table["status"] == "chosen"].iloc[0]
    results = {
        "rows": rows,
        "chosen": {"id": chosen["id"], "genotype": json.loads(chosen["genotype"])},
        "proxies": {name: dict(each) for name, each in correlations.items()},
        "target_names": list(target_names),
        "stages": {name: run.manifest["stages"][name]["seconds"] for name in PHASES if name in run.manifest["stages"]},
        "notes": [*notes, *failures],
    }
    run.write_json("results.json", results)
    return results
