"""Whether what is promoted depends on which operations were at hand: the same candidates, operations drawn anew."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from darts_pl.bounded.tables import read_table
from darts_pl.errors import ConfigError
from darts_pl.paths import write_atomically
from darts_pl.proxies import combined
from darts_pl.seeds import derived_seed
from darts_pl.stages.jobs import Workers
from darts_pl.stages.pipeline.screen import record, screen_jobs
from darts_pl.stages.run import RunFolder

TABLE = Path("robust_pool.csv")


def operation_pools(operations: Sequence[str], pools: int, size: int, seed: int) -> list[list[str]]:
    """`pools` different random subsets of `size` operations, in the order of `operations`.

    Raises:
        ConfigError: there are fewer operations, or fewer different subsets.
    """
    if size > len(operations):
        raise ConfigError(f"robust_pool.pool_size={size}: there are {len(operations)} operations in all")
    if pools > math.comb(len(operations), size):
        raise ConfigError(
            f"robust_pool.pools={pools}: {len(operations)} operations have "
            f"{math.comb(len(operations), size)} subsets of {size}"
        )
    generator = torch.Generator().manual_seed(derived_seed(seed, "operation pools"))
    found: list[list[str]] = []
    while len(found) < pools:
        chosen = torch.randperm(len(operations), generator=generator)[:size].sort().values.tolist()
        pool = [operations[index] for index in chosen]
        if pool not in found:
            found.append(pool)
    return found


def with_redrawn_operations(
    settings: Mapping[str, Any], pool: Sequence[str], seed: int, identifier: str
) -> dict[str, Any]:
    """The candidate's settings with as many operations as it has, or all, drawn from `pool`."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "robust", identifier, *pool))
    chosen = torch.randperm(len(pool), generator=generator)[: len(settings["primitives"])].sort().values.tolist()
    return {**settings, "primitives": [pool[index] for index in chosen]}


def robust_pool(
    run: RunFolder,
    workers: Workers,
    candidates: Mapping[str, Mapping[str, Any]],
    operations: Sequence[str],
    *,
    pools: int,
    pool_size: int,
    num_candidates: int,
    top_k: int,
    weights: Mapping[str, float],
    seed: int,
    timeout_s: float,
    **measuring: Any,
) -> pd.DataFrame:
    """Screen the first `num_candidates` with the operations of each pool. One row a pool: its `operations`, the ids
    `promoted`, and over the other pools the mean `spearman` of the scores and the mean `overlap` (Jaccard index) of
    the promoted sets."""
    if not run.done("robust_pool"):
        with run.stage("robust_pool") as entry:
            every, ids = {}, list(candidates)[:num_candidates]
            chosen = operation_pools(operations, pools, pool_size, seed)
            for index, pool in enumerate(chosen):
                drawn = {name: with_redrawn_operations(candidates[name], pool, seed, name) for name in ids}
                jobs = screen_jobs(run.path / "robust_pool" / str(index), drawn, **measuring)
                found = workers.run(jobs, timeout_s=timeout_s, title=f"operation pool {index + 1}/{pools}")
                record(entry, found, workers)
                every[index] = _scores(found, measuring["proxies"], weights)
            table = compare_pools(chosen, pd.DataFrame(every), top_k)
            write_atomically(run.path / TABLE, lambda path: table.to_csv(path, index=False))
    return read_table(run.path / TABLE)


def _scores(
    figures: Mapping[str, Mapping[str, Any]], proxies: Sequence[str], weights: Mapping[str, float]
) -> pd.Series:
    sound = {name: each["proxies"] for name, each in figures.items() if not each["error"]}
    rows = {name: {proxy: each[proxy]["mean"] for proxy in proxies} for name, each in sound.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(proxies), dtype="float64")
    return combined(table, weights) if len(table) else pd.Series(dtype="float64")


def compare_pools(pools: Sequence[Sequence[str]], scores: pd.DataFrame, top_k: int) -> pd.DataFrame:
    """See `robust_pool`.

    Args:
        scores: a column a pool, indexed by id; NaN where a candidate failed.
    """
    tops = {
        column: set(each.dropna().sort_values(ascending=False, kind="stable").index[:top_k])
        for column, each in scores.items()
    }
    agreement = scores.corr(method="spearman")
    overlap = pd.DataFrame(index=scores.columns, columns=scores.columns, dtype="float64")
    for one, other in combinations(scores.columns, 2):
        union = tops[one] | tops[other]
        overlap.loc[one, other] = overlap.loc[other, one] = len(tops[one] & tops[other]) / len(union) if union else 0.0
    rows = []
    for column, pool in zip(scores.columns, pools):
        others = [other for other in scores.columns if other != column]
        rows.append(
            {
                "pool": column,
                "operations": "|".join(pool),
                "promoted": "|".join(sorted(tops[column])),
                "spearman": agreement.loc[column, others].mean(),
                "overlap": overlap.loc[column, others].mean(),
            }
        )
    return pd.DataFrame(rows)
