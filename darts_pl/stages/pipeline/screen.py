"""Stages 2 and 3: zero-cost proxies of every candidate's supernet; the best by a combined score are promoted."""

import copy
import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from darts_pl.bounded.tables import read_table
from darts_pl.data.series import WindowDataModule
from darts_pl.errors import RunError, TrainingError
from darts_pl.paths import write_atomically
from darts_pl.proxies import combined, measure
from darts_pl.seeds import derived_seed
from darts_pl.spaces.series import SeriesSupernet
from darts_pl.stages.jobs import Figures, FunctionJob, Workers
from darts_pl.stages.pipeline.parts import PipelineParts
from darts_pl.stages.run import RunFolder

log = logging.getLogger("darts_pl")

SCORES = Path("screen", "scores.csv")
PROMOTED = Path("search", "promoted.json")
TIMED = 4  # jobs by which the speed-up is measured
Batch = tuple[dict[str, Tensor], Tensor]  # inputs by name (B, T, C) or (B, P, C), targets (B, P, Y)


def screen_candidate(
    parts: PipelineParts,
    *,
    identifier: str,
    settings: Mapping[str, Any],
    proxies: Sequence[str],
    repeats: int,
    num_batches: int,
    max_samples: int,
) -> dict[str, Any]:
    """Parameters and proxies of a candidate's supernet on batches of the weights' half; every repeat draws the weights
    anew.

    Raises:
        TrainingError: a loss that is not finite before any training.
    """
    data, space = parts.search_data(), parts.make_space(settings)

    def factory() -> SeriesSupernet:
        relaxation = copy.deepcopy(parts.relaxation)
        return space.supernet(data.input_shape, data.outputs, relaxation=relaxation, mixing=parts.mixing)

    torch.manual_seed(derived_seed(parts.seed, "screen", identifier))
    network = factory()
    batches = _batches(data, num_batches, max_samples)
    _check_runs(network, batches[0], data.task.loss)
    scores = measure(
        network,
        batches,
        data.task.loss,
        names=proxies,
        repeats=repeats,
        seed=derived_seed(parts.seed, "proxies", identifier),
        factory=factory,
    )
    figures = {name: dataclasses.asdict(each) for name, each in scores.items()}
    return {"parameters": sum(p.numel() for p in network.weight_parameters()), "proxies": figures}


def _check_runs(network: SeriesSupernet, batch: Batch, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Let what a candidate cannot compute fail it: a proxy that cannot be told is no failure, and counting parameters
    would promote it."""
    x, y = batch
    if not torch.isfinite(loss(network(x), y)):
        raise TrainingError("the loss of the untrained supernet is not finite")


def _batches(data: WindowDataModule, count: int, samples: int) -> list[Batch]:
    """The first `count` training batches of the weights' half, of `samples` windows in all at the most."""
    each = max(1, samples // count)
    found = []
    for batch in data.train_dataloader():
        x, y = data.on_after_batch_transfer(batch, 0)["weights"]
        found.append(({name: part[:each].cpu() for name, part in x.items()}, y[:each].cpu()))
        if len(found) == count:
            break
    return found


def screen_jobs(folder: Path, candidates: Mapping[str, Mapping[str, Any]], **measuring: Any) -> list[FunctionJob]:
    """A job a candidate, results in `folder`."""
    return [
        FunctionJob(
            identifier,
            screen_candidate,
            folder / f"{identifier}.json",
            {"identifier": identifier, "settings": settings, **measuring},
        )
        for identifier, settings in candidates.items()
    ]


def screen(
    run: RunFolder,
    workers: Workers,
    candidates: Mapping[str, Mapping[str, Any]],
    *,
    weights: Mapping[str, float],
    timeout_s: float,
    collect_stats: bool,
    **measuring: Any,
) -> pd.DataFrame:
    """The scores of all candidates, best first, those that failed last: columns of scores.csv, indexed by id.

    Args:
        weights: proxy → weight in the score. collect_stats: measure what the workers gain. measuring: `proxies`,
            `repeats`, `num_batches` and `max_samples` of `screen_candidate`.

    Raises:
        RunError: every candidate failed.
    """
    jobs = screen_jobs(run.path / "screen", candidates, **measuring)
    if not run.done("screen"):
        with run.stage("screen") as entry:
            found = workers.run(jobs, timeout_s=timeout_s, title="screen", describe=_describe)
            record(entry, found, workers)
            table = score_table(found, measuring["proxies"], weights)
            check_any(found, jobs, "screening")
            write_atomically(run.path / SCORES, lambda path: table.to_csv(path))
            entry["speedup"] = None
            if collect_stats and workers.count > 1:
                entry["speedup"] = _speedup(run, workers, candidates, timeout_s, measuring)
    return read_table(run.path / SCORES, ("id", "score"), index_col="id")


def _describe(figures: Figures) -> str:
    failed = [name for name, each in figures["proxies"].items() if each["error"]]
    return f"{figures['parameters']:,} parameters" + (f", no {', '.join(failed)}" if failed else "")


def record(entry: dict[str, Any], figures: Mapping[str, Figures], workers: Workers) -> None:
    """Add to a stage's entry what the jobs that ran last cost, and which of all its jobs failed."""
    entry["busy_s"] = round(entry.get("busy_s", 0.0) + workers.busy_s, 3)
    entry["jobs_wall_s"] = round(entry.get("jobs_wall_s", 0.0) + workers.wall_s, 3)
    peaks = [each["peak_memory_mib"] or 0.0 for each in figures.values()]
    entry["peak_memory_mib"] = max([entry.get("peak_memory_mib", 0.0), *peaks])
    entry["workers"] = workers.count
    failed = {name for name, each in figures.items() if each["error"]}
    entry["failed"] = sorted(failed | set(entry.get("failed", [])))


def score_table(
    figures: Mapping[str, Mapping[str, Any]], proxies: Sequence[str], weights: Mapping[str, float]
) -> pd.DataFrame:
    """Parameters, mean and spread of every proxy, score and rank; ties in the order of the candidates. A candidate that
    failed has no score."""
    rows = []
    for identifier, each in figures.items():
        row = {"id": identifier, "parameters": each.get("parameters")}
        for name in proxies:
            score = each.get("proxies", {}).get(name, {})
            row[f"{name}_mean"], row[f"{name}_std"] = score.get("mean"), score.get("std")
        rows.append({**row, "error": each["error"]})
    table = pd.DataFrame(rows).set_index("id")
    sound = table.index[table["error"].isna()]
    means = table.loc[sound, [f"{name}_mean" for name in proxies]].astype("float64")
    means.columns = list(proxies)
    table["score"] = combined(means, weights).reindex(table.index) if len(sound) else None
    order = table["score"].astype("float64").sort_values(ascending=False, kind="stable", na_position="last").index
    table = table.loc[order]
    table["rank"] = range(1, len(table) + 1)
    columns = [column for column in table.columns if column not in ("score", "rank", "error")]
    return table[[*columns, "score", "rank", "error"]]


def promote(run: RunFolder, scores: pd.DataFrame, top_k: int) -> list[str]:
    """The ids of the best `top_k` that have a score, best first."""
    ids = list(scores.index[scores["score"].notna()][:top_k])
    if not run.done("promote"):
        with run.stage("promote", inputs={"scores": run.path / SCORES}):
            run.write_json(str(PROMOTED), ids)
    return ids


def check_any(figures: Mapping[str, Mapping[str, Any]], jobs: Sequence[FunctionJob], what: str) -> None:
    """Raises RunError where every job failed, with the first one's error; they are tried again in a resumed run."""
    failed = {name: each["error"] for name, each in figures.items() if each["error"]}
    if figures and len(failed) == len(figures):
        name, error = next(iter(failed.items()))
        for job in jobs:
            job.forget()
        raise RunError(f"{what}: all {len(failed)} failed, so there is nothing to go on with. {name}: {error}")


def _speedup(
    run: RunFolder,
    workers: Workers,
    candidates: Mapping[str, Mapping[str, Any]],
    timeout_s: float,
    measuring: dict[str, Any],
) -> float | None:
    """How much sooner a few screenings end with all workers than one after the other: measured on workers that are
    warm, with the same jobs done alone and together."""
    sample = dict(list(candidates.items())[: max(TIMED, workers.count)])
    if len(sample) < 2:
        return None
    jobs = screen_jobs(run.path / "screen" / "timing", sample, **measuring)
    together = workers.at_once(jobs, timeout_s=timeout_s)
    alone = workers.one_by_one(jobs, timeout_s=timeout_s)
    return round(alone / together, 3)
