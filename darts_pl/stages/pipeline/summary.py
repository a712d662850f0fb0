"""The closing lines of a pipeline: what was chosen, the final table, whether it was worth it, where everything lies."""

import json
from typing import Any

from darts_pl.genotype import from_json
from darts_pl.stages.pipeline.correlation import FEWEST
from darts_pl.stages.run import RunFolder

COLUMNS = (("test_mse", "test MSE"), ("test_mae", "test MAE"), ("test_mase", "MASE"), ("val_mse", "val MSE"))


def summary(run: RunFolder, results: dict[str, Any]) -> str:
    """The lines; MSE and MAE are of the standardised series."""
    genotype = from_json(json.dumps(results["chosen"]["genotype"]))
    lines = ["", f"Chosen by validation: candidate {results['chosen']['id']}", *_indented(genotype.describe())]
    lines += ["", *_table(results["rows"]), "", *verdict(results["rows"]), *_proxies(results["proxies"])]
    lines += [f"Note: {note}" for note in results["notes"]]
    return "\n".join([*lines, "", *_places(run)])


def mean_of_random(rows: list[dict[str, Any]], figure: str) -> float | None:
    """The mean of a figure over the random architectures; None where there are none."""
    values = [row[figure] for row in rows if row["name"].startswith("random ") and row[figure] is not None]
    return sum(values) / len(values) if values else None


def verdict(rows: list[dict[str, Any]]) -> list[str]:
    """Sentences: whether the searched model is better on the test windows than each baseline and than the random
    architectures on average."""
    by_name = {row["name"]: row["test_mse"] for row in rows}
    others = {name: mse for name, mse in by_name.items() if name != "searched" and not name.startswith("random ")}
    if (mean := mean_of_random(rows, "test_mse")) is not None:
        others["the random architectures on average"] = mean
    better = [name for name, mse in others.items() if by_name["searched"] < mse]
    worse = [name for name in others if name not in better]
    lines = [f"The searched model has a lower test MSE than {_listed(better)}."] if better else []
    return [*lines, f"It is no better than {_listed(worse)}."] if worse else lines


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _table(rows: list[dict[str, Any]]) -> list[str]:
    mean = {key: mean_of_random(rows, key) for key, _ in COLUMNS}
    randoms = [row for row in rows if row["name"].startswith("random ")]
    shown = [row for row in rows if row not in randoms]
    if randoms:
        counts = {key: round(sum(row[key] for row in randoms) / len(randoms), 1) for key in ("parameters", "seconds")}
        average = {"name": f"random, mean of {len(randoms)}", **mean, **counts, "parameters": int(counts["parameters"])}
        shown = [shown[0], *randoms, average, *shown[1:]]
    head = "".join(f"{title:>10}" for _, title in COLUMNS)
    lines = [f"{'':22}{head}{'parameters':>13}{'seconds':>10}"]
    for row in shown:
        figures = "".join(f"{'-':>10}" if row[key] is None else f"{row[key]:>10.4f}" for key, _ in COLUMNS)
        lines.append(f"{row['name']:22}{figures}{row['parameters']:>13,}{row['seconds']:>10.1f}")
    return lines


def _proxies(correlations: dict[str, dict[str, Any]]) -> list[str]:
    measured = {name: each for name, each in correlations.items() if each["spearman"] is not None}
    if not measured:
        count = max((each["n"] for each in correlations.values()), default=0)
        return [f"Proxies against trained validation loss: too few candidates ({count}, expected at least {FEWEST})."]
    values = ", ".join(f"{name} {each['spearman']:+.2f}" for name, each in measured.items())
    lines = [
        f"Rank correlation of proxies with trained validation loss (n={next(iter(measured.values()))['n']}): {values}."
    ]
    weaker = [name for name, each in measured.items() if each["beats_params"] is False]
    return [*lines, f"No better than counting parameters: {', '.join(weaker)}."] if weaker else lines


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _places(run: RunFolder) -> list[str]:
    return [
        f"Run folder  {run.path}",
        f"Candidates  {run.path / 'candidates.csv'}",
        f"Model       {run.path / 'retrain' / 'model.safetensors'}  (darts_pl.load reads it)",
        f"Report      {run.path / 'report.html'}",
    ]
