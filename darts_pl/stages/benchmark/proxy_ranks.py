"""How well proxies rank cells: Spearman correlations with tabulated accuracies, and whether they beat `params`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from darts_pl.data.nasbench201_tables import Tables
from darts_pl.errors import ConfigError
from darts_pl.proxies import SCHEMES, combined, scheme
from darts_pl.seeds import derived_seed

BASELINE = "params"
COMBINED = ("aggregate", "equal", "expressivity", "trainability", "size")
RESAMPLES = 1000
LEVEL = (0.025, 0.975)


def score_table(records: Sequence[Mapping[str, Any]], tables: Tables) -> pd.DataFrame:
    """One row a cell: cell, test_acc (CIFAR-10 after 200 epochs), each proxy's mean and `<proxy>_std`."""
    rows = []
    for record in records:
        row = {"cell": record["cell"], "test_acc": tables.test_accuracy(record["cell"])}
        for name, score in record["scores"].items():
            row |= {name: score["mean"], f"{name}_std": score["std"]}
        rows.append(row)
    return pd.DataFrame(rows)


def ranking(records: Sequence[Mapping[str, Any]], table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row a proxy and a combined score (`combined: <scheme>`), best first.

    Columns: proxy; spearman, of the score with the test accuracy, cells without a score ranked last; low, high, its
    bootstrap 95 % interval over cells; beats_params, "yes" where the 95 % interval of the paired difference to the
    correlation of `params` lies above 0, else "no", "" for `params` itself and where it was not measured; failed,
    cells without a score; seconds, median a cell.

    Raises:
        ConfigError: fewer than three cells.
    """
    if len(table) < 3:
        raise ConfigError(f"cells={len(table)}: correlations need at least 3")
    names = list(records[0]["scores"])
    scores = table[names].fillna(-math.inf)
    for name in COMBINED:
        if set(SCHEMES[name]) <= set(names):
            scores[f"combined: {name}"] = combined(table[names], scheme(name, names))
    accuracy = table["test_acc"]
    drawn = _resampled(scores, accuracy, seed)
    rows = []
    for name in scores:
        low, high = np.nanquantile(drawn[name], LEVEL) if drawn[name].notna().any() else (math.nan, math.nan)
        row = {"proxy": name, "spearman": _spearman(scores[[name]], accuracy)[name], "low": low, "high": high}
        compared = name != BASELINE and BASELINE in names
        row["beats_params"] = _is_above_zero(drawn[name] - drawn[BASELINE]) if compared else ""
        if name in names:
            found = [record["scores"][name] for record in records]
            row["failed"] = int(table[name].isna().sum())
            row["seconds"] = float(np.median([score["seconds"] for score in found]))
        rows.append(row)
    frame = pd.DataFrame(rows).astype({"failed": "Int64"}) if rows else pd.DataFrame()
    return frame.sort_values("spearman", ascending=False, kind="stable", ignore_index=True)


def _spearman(scores: pd.DataFrame, accuracy: pd.Series) -> pd.Series:
    """Of each column: Pearson's correlation of the ranks, ties averaged; NaN for a constant column."""
    return scores.rank().corrwith(accuracy.rank())


def _resampled(scores: pd.DataFrame, accuracy: pd.Series, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(derived_seed(seed, "bootstrap"))
    drawn = []
    for _ in range(RESAMPLES):
        rows = generator.integers(len(scores), size=len(scores))
        ranks = np.column_stack([scores.iloc[rows].rank().to_numpy(), accuracy.iloc[rows].rank().to_numpy()])
        centred = ranks - ranks.mean(axis=0)
        lengths = np.linalg.norm(centred, axis=0)
        lengths[lengths == 0] = math.nan
        drawn.append(centred[:, :-1].T @ centred[:, -1] / (lengths[:-1] * lengths[-1]))
    return pd.DataFrame(drawn, columns=scores.columns)


def _is_above_zero(differences: pd.Series) -> str:
    return "yes" if differences.quantile(LEVEL[0]) > 0 else "no"
