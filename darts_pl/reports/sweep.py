"""Comparison of the runs of a sweep: what they differ in, what they reached, means over seeds."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from darts_pl.reports.boundary import attempt
from darts_pl.reports.curves import columns_by_kind, has_any
from darts_pl.reports.monitor import monitor_of
from darts_pl.reports.run_files import RunFiles, configured
from darts_pl.reports.sweep_metrics import is_percent, sort_columns
from darts_pl.reports.tables import seconds_per_step

FEWEST_RUNS = 3  # below this a standard deviation says nothing
TOO_FEW = "too few runs"
NOT_SET = "not set"


def settings_of(run: RunFiles) -> dict[str, str]:
    """The overrides of a run as key and value, without the `+` that added a key."""
    pairs = (text.lstrip("+").partition("=") for text in run.overrides)
    settings = {key: value for key, found, value in pairs if found}
    if run.manifest.get("seed") is not None:
        settings["seed"] = str(run.manifest["seed"])
    return settings


def differing_settings(runs: Mapping[str, RunFiles]) -> pd.DataFrame:
    """One row a run, one column a setting that is not the same in all of them, the seed last.

    Where a run does not override a setting, its value is taken from the run's configuration.
    """
    settings = {name: settings_of(run) for name, run in runs.items()}
    keys = list(dict.fromkeys(key for values in settings.values() for key in values))
    table = pd.DataFrame(
        {key: [settings[name].get(key) or _configured(run, key) for name, run in runs.items()] for key in keys},
        index=list(runs),
    )
    differing = [key for key in keys if table[key].nunique() > 1]
    return table[sorted(differing, key=lambda key: key == "seed")]


def _configured(run: RunFiles, key: str) -> str:
    """The value of a dotted key in the run's configuration as text, "not set" where it has none."""
    value = configured(run, key)
    return NOT_SET if value is None or isinstance(value, dict | list) else str(value)


def metrics_of(run: RunFiles) -> dict[str, float]:
    """The numbers of a run that are compared; NaN is left out, so a run that has no history gives few."""
    metrics: dict[str, float] = {}
    history, monitor = run.history, monitor_of(run)
    column, tested = f"val_{monitor.name}", f"test_{monitor.name}"
    if has_any(history, [column]):
        values = history[column].dropna()
        metrics |= {f"{column}_best": float(values[monitor.best(values)]), f"{column}_final": float(values.iloc[-1])}
    for row in run.results.get("rows", []):
        if row.get(tested) is not None:
            metrics[f"{tested} {row.get('name')}"] = float(row[tested])
    for column in ("alpha_movement", *columns_by_kind(history, "skips_")):
        if has_any(history, [column]):
            metrics[column] = float(history[column].dropna().iloc[-1])
    if (step := seconds_per_step(run.timing)) is not None:
        metrics["seconds_per_step"] = step
    return metrics


def comparison(
    runs: Mapping[str, RunFiles], left_out: list[str] | None = None
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """One row a run (run, status, differing settings, metrics); the names of the settings; of the metrics. A run whose
    numbers cannot be compared has none, and is named in `left_out`."""
    left_out = [] if left_out is None else left_out
    settings = differing_settings(runs)
    none: dict[str, float] = {}
    reached = {
        n: attempt(f"the numbers of run {n}", partial(metrics_of, run), none, left_out) for n, run in runs.items()
    }
    metrics = pd.DataFrame(reached).T.reindex(list(runs))
    metrics = metrics.astype(float)[sort_columns(list(metrics))]
    state = pd.DataFrame(
        {"run": list(runs), "status": [str(run.manifest.get("status", "unknown")) for run in runs.values()]},
        index=list(runs),
    )
    table = pd.concat([state, settings, metrics], axis=1).reset_index(drop=True)
    return table, list(settings), list(metrics)


def group_name(row: Mapping[str, Any], settings: list[str]) -> str:
    """The settings of a run without the seed: runs of one name are repetitions of each other."""
    others = [f"{key}={row[key]}" for key in settings if key != "seed"]
    return ", ".join(others) or "all runs"


def over_seeds(table: pd.DataFrame, settings: list[str], metrics: list[str]) -> pd.DataFrame:
    """Mean and standard deviation (n - 1) of the complete runs of each group.

    Columns: settings, runs, then the metrics as "mean ± std"; with fewer than three values that is
    "mean (too few runs)".
    """
    complete = table[table["status"] == "complete"]
    groups = complete.apply(lambda row: group_name(row, settings), axis=1) if len(complete) else pd.Series(dtype=str)
    rows = []
    for name in dict.fromkeys(groups):
        members = complete[groups == name]
        cells = {metric: _mean_and_deviation(members[metric], metric) for metric in metrics}
        rows.append({"settings": name, "runs": len(members), **cells})
    return pd.DataFrame(rows, columns=["settings", "runs", *metrics])


def _mean_and_deviation(values: pd.Series, metric: str) -> str:
    values = values.dropna()
    if values.empty:
        return "–"
    scale, unit, form = (100, " %", ".2f") if is_percent(metric) else (1, "", ".4g")
    mean = f"{scale * values.mean():{form}}"
    if len(values) < FEWEST_RUNS:
        return f"{mean}{unit} ({TOO_FEW})"
    return f"{mean} ± {scale * values.std(ddof=1):{'.2f' if unit else '.2g'}}{unit}"
