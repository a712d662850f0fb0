"""Stage 4: successive halving (arXiv:1502.07943, algorithm 1) over differentiable searches.

All promoted candidates are searched for a few epochs; the better part by validation goes on, each on the schedule of a
whole search from where it was, until the last rung ends it. A search that survives is the same, bit for bit, as one
without rungs.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from darts_pl.bounded import read_json
from darts_pl.bounded.tables import read_table
from darts_pl.errors import ConfigError, TrainingError
from darts_pl.paths import write_atomically
from darts_pl.stages.jobs import Figures, FunctionJob, Workers
from darts_pl.stages.pipeline.parts import PipelineParts
from darts_pl.stages.pipeline.screen import check_any, record
from darts_pl.stages.run import RunFolder
from darts_pl.stages.search import search

log = logging.getLogger("darts_pl")

RUNGS = Path("search", "rungs.csv")


def rung_epochs(epochs: int, rungs: int, eta: int, warmup: int = 0) -> list[int]:
    """The epoch at which each rung ends: the last at `epochs`, each before it `eta` times as early, but not within the
    `warmup`, in which alphas stand still.

    Raises:
        ConfigError: two rungs would end at the same epoch.
    """
    ends = [max(warmup + 1, math.ceil(epochs / eta**before)) for before in reversed(range(rungs))]
    if len(set(ends)) < rungs:
        raise ConfigError(
            f"multi_fidelity.rungs={rungs} with eta={eta}: rungs would end at epochs {ends} of train.epochs={epochs}, "
            f"of which {warmup} warm up. Take fewer rungs or more epochs"
        )
    return ends


def survivors(losses: Mapping[str, float], eta: int) -> list[str]:
    """One in `eta` of the candidates, rounded up: those with the least loss, ties to the earlier."""
    return sorted(losses, key=losses.__getitem__)[: math.ceil(len(losses) / eta)]


def search_candidate(
    parts: PipelineParts, *, identifier: str, settings: Mapping[str, Any], folder: str, until: int
) -> dict[str, Any]:
    """Search a candidate in a run folder of its own up to the epoch `until`, or go on with it: val_mse (of the supernet
    in its best epoch), epoch_best, epochs.

    Raises:
        TrainingError: a validation that is not finite, by which nothing can be ranked.
    """
    data, space = parts.search_data(), parts.make_space(settings)
    run = RunFolder.open(
        Path(folder),
        command="search",
        config={"candidate": identifier, "seed": parts.seed, "epochs": parts.search_epochs, "space": dict(settings)},
        device=parts.hardware.name,
    )
    search(
        run,
        parts.method(space),
        space=space,
        data=data,
        hardware=parts.hardware,
        epochs=parts.search_epochs,
        seed=parts.seed,
        trainer=parts.trainer,
        guards=False,
        pictures=False,
        until=until if until < parts.search_epochs else None,
    )
    entry = run.manifest["stages"]["search"]
    if run.done("search"):
        run.complete()
    loss = entry[f"val_{data.task.monitor}_best"]
    if not math.isfinite(loss):
        raise TrainingError(f"the supernet's validation {data.task.monitor} is {loss} at epoch {entry['epoch_best']}")
    return {"val_mse": loss, "epoch_best": entry["epoch_best"], "epochs": until}


def halve(
    run: RunFolder,
    workers: Workers,
    candidates: Mapping[str, Mapping[str, Any]],
    promoted: Sequence[str],
    *,
    ends: Sequence[int],
    eta: int,
    timeout_s: float,
) -> pd.DataFrame:
    """Search `promoted` in rungs that end at the epochs `ends`; returns the rows of rungs.csv. `kept` in the last rung
    are all that reached its end.

    Raises:
        RunError: a rung left no candidate.
    """
    if not run.done("search"):
        with run.stage("search", inputs={"promoted": run.path / "search" / "promoted.json"}) as entry:
            rows, entered = [], list(promoted)
            for rung, until in enumerate(ends):
                jobs = [_job(run, identifier, candidates[identifier], rung, until) for identifier in entered]
                found = workers.run(
                    jobs, timeout_s=timeout_s, title=f"search rung {rung + 1}/{len(ends)}", describe=_describe
                )
                record(entry, found, workers)
                check_any(found, jobs, f"search, rung {rung + 1}")
                losses = {name: each["val_mse"] for name, each in found.items() if not each["error"]}
                kept = survivors(losses, eta) if rung + 1 < len(ends) else list(losses)
                rows += [_row(rung, name, until, each, name in kept) for name, each in found.items()]
                entered = [name for name in entered if name in kept]
            write_atomically(run.path / RUNGS, lambda path: pd.DataFrame(rows).to_csv(path, index=False))
    return read_table(run.path / RUNGS, ("rung", "id", "val_mse"))


def _job(run: RunFolder, identifier: str, settings: Mapping[str, Any], rung: int, until: int) -> FunctionJob:
    folder = run.path / "search" / identifier
    arguments = {"identifier": identifier, "settings": settings, "folder": str(folder), "until": until}
    return FunctionJob(identifier, search_candidate, folder / f"rung_{rung}.json", arguments)


def _row(rung: int, identifier: str, until: int, figures: Mapping[str, Any], kept: bool) -> dict[str, Any]:
    loss = figures.get("val_mse")
    return {
        "rung": rung,
        "id": identifier,
        "epochs": until,
        "val_mse": loss,
        "kept": kept,
        "seconds": figures["seconds"],
        "error": figures["error"],
    }


def _describe(figures: Figures) -> str:
    return f"validation mse {figures['val_mse']:.4f} at epoch {figures['epoch_best']} of {figures['epochs']}"


def genotype_text(run: RunFolder, identifier: str) -> str | None:
    """The genotype that a candidate's search gave, as JSON in one line; None where there is none."""
    path = run.path / "search" / identifier / "genotype_best.json"
    return json.dumps(read_json(path)) if path.is_file() else None
