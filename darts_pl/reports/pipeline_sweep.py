"""Pipeline runs over seeds: errors of each network with mean, deviation and 95 % interval, paired differences."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from darts_pl.reports.boundary import attempt
from darts_pl.reports.pipeline_files import PipelineFiles
from darts_pl.reports.pipeline_names import METRICS, RANDOM_MEAN, SEARCHED, is_random, number, with_random_mean
from darts_pl.reports.sweep import FEWEST_RUNS, TOO_FEW, differing_settings, group_name

CONFIDENCE = 0.95
REFERENCES = ("DLinear", RANDOM_MEAN)


def long_table(runs: Mapping[str, PipelineFiles], left_out: list[str] | None = None) -> pd.DataFrame:
    """One row a run and network of the final tables: run, status, group, seed, name, the errors, parameters, seconds.

    Random architectures are one row a run, their mean: a run is the unit over which seeds are compared. A run whose
    results cannot be compared has no rows, and is named in `left_out`.
    """
    left_out = [] if left_out is None else left_out
    settings = differing_settings({name: found.run for name, found in runs.items()})
    rows = []
    for name, found in runs.items():
        group = group_name(settings.loc[name].to_dict(), list(settings)) if len(settings.columns) else "all runs"
        head = {
            "run": name,
            "status": found.run.manifest.get("status", "unknown"),
            "group": group,
            "seed": found.run.manifest.get("seed"),
        }
        listed = found.run.results.get("rows") or []
        none: list[dict[str, Any]] = []
        for row in attempt(f"the results of run {name}", partial(with_random_mean, listed), none, left_out):
            if not is_random(row["name"]):
                values = {key: number(row, key) for key in (*METRICS, "parameters", "seconds")}
                rows.append({**head, "name": row["name"], **values})
    columns = ["run", "status", "group", "seed", "name", *METRICS, "parameters", "seconds"]
    return pd.DataFrame(rows, columns=columns)


def over_seeds(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Group and network → n, mean, std (n - 1), low, high: the interval of the mean by Student's t distribution.

    Args:
        table: of `long_table`; runs that are not complete are left out. Deviation and interval are NaN below
            FEWEST_RUNS runs.
    """
    complete = table[(table["status"] == "complete") & table[metric].notna()]
    rows = []
    for (group, name), members in complete.groupby(["group", "name"], sort=False):
        rows.append({"group": group, "name": name, **interval(members[metric].to_numpy())})
    return pd.DataFrame(rows, columns=["group", "name", "n", "mean", "std", "low", "high"])


def interval(values: Sequence[float]) -> dict[str, float]:
    """n, mean, std (n - 1), low and high of the 95 % interval of the mean, mean ± t(0.975, n - 1) std / √n."""
    numbers = np.asarray(values, dtype=float)
    n, mean = len(numbers), float(np.mean(numbers)) if len(numbers) else math.nan
    if n < FEWEST_RUNS:
        return {"n": n, "mean": mean, "std": math.nan, "low": math.nan, "high": math.nan}
    std = float(np.std(numbers, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std / math.sqrt(n)
    return {"n": n, "mean": mean, "std": std, "low": mean - half, "high": mean + half}


def paired_differences(table: pd.DataFrame, metric: str = "test_mse") -> pd.DataFrame:
    """Group and reference → n, mean, std, low, high of searched minus reference, run by run (negative: searched is
    better); pairs of one run share data and seed, so that their difference varies less than either."""
    complete = table[table["status"] == "complete"]
    rows = []
    for group, members in complete.groupby("group", sort=False):
        wide = members.pivot_table(index="run", columns="name", values=metric)
        for other in REFERENCES:
            if SEARCHED in wide and other in wide:
                difference = (wide[SEARCHED] - wide[other]).dropna().to_numpy()
                rows.append({"group": group, "reference": other, **interval(difference)})
    return pd.DataFrame(rows, columns=["group", "reference", "n", "mean", "std", "low", "high"])


def describe_differences(differences: pd.DataFrame) -> list[str]:
    """What the paired differences say, one sentence each; with too few runs, that."""
    told = []
    groups = differences["group"].nunique()
    for row in differences.itertuples():
        place = f"{row.group}: " if groups > 1 else ""
        other = "the mean of the random architectures" if row.reference == RANDOM_MEAN else row.reference
        if row.n < FEWEST_RUNS:
            told.append(f"{place}{TOO_FEW} ({row.n}) to say whether the searched model beats {other}.")
            continue
        numbers = f"test MSE lower by {-row.mean:.4f}" if row.mean < 0 else f"test MSE higher by {row.mean:.4f}"
        numbers += f" in the mean over {row.n} runs, 95 % interval of the difference {row.low:+.4f} to {row.high:+.4f}"
        numbers = numbers.replace("-0", "−0")
        if row.high < 0:
            told.append(f"{place}the searched model beats {other}: {numbers}.")
        elif row.low > 0:
            told.append(f"{place}the searched model is worse than {other}: {numbers}.")
        else:
            told.append(f"{place}the searched model and {other} are not told apart: {numbers}, which holds 0.")
    return [text[0].upper() + text[1:] for text in told]


def format_interval(row: Mapping[str, float]) -> str:
    """A row of `interval` as text: "0.3712 ± 0.0011", or the mean and that the runs are too few."""
    if row["n"] < FEWEST_RUNS:
        return f"{row['mean']:.4f} ({TOO_FEW})"
    return f"{row['mean']:.4f} ± {row['std']:.4f}"
