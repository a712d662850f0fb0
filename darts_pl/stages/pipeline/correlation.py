"""How well proxies ranked the candidates whose searches then told: rank correlations, weighting schemes beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from darts_pl.proxies import combined

FEWEST = 5  # candidates below which a correlation says nothing
SIZE = "params"


def proxy_correlations(scores: pd.DataFrame, losses: pd.Series, proxies: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each proxy `spearman`, its rank correlation with the trained validation loss turned around, so that 1 is a
    proxy that ranks as training does; `n` candidates; `beats_params`. None where fewer than 5 candidates tell, or where
    all have one value.

    Args:
        scores: `<proxy>_mean` a column, indexed by id. losses: validation losses of those that were searched.
    """
    found = {name: _spearman(scores[f"{name}_mean"], losses) for name in proxies}
    size = found.get(SIZE, {}).get("spearman")
    for name, each in found.items():
        comparable = name != SIZE and None not in (size, each["spearman"])
        each["beats_params"] = bool(each["spearman"] > size) if comparable else None
    return found


def _spearman(scores: pd.Series, losses: pd.Series) -> dict[str, Any]:
    pairs = pd.DataFrame({"score": scores.astype("float64"), "loss": losses.astype("float64")}).dropna()
    varies = len(pairs) >= FEWEST and pairs["score"].nunique() > 1 and pairs["loss"].nunique() > 1
    value = float(pairs["score"].corr(-pairs["loss"], method="spearman")) if varies else None
    return {"spearman": value, "n": len(pairs)}


def scheme_table(
    scores: pd.DataFrame,
    losses: pd.Series,
    proxies: Sequence[str],
    schemes: Mapping[str, Mapping[str, float]],
    reference: str,
    top_k: int,
) -> pd.DataFrame:
    """One row a weighting scheme: `spearman_loss` with the trained validation loss (turned around) and its `n`,
    `spearman_reference` with the scores of the scheme `reference`, `overlap`, the share of that scheme's `top_k` among
    its own, and `promoted`, their ids.

    Args:
        scores, losses: as in `proxy_correlations`. schemes: name → weights, `reference` among them.
    """
    means = scores.loc[scores["error"].isna(), [f"{name}_mean" for name in proxies]].astype("float64").sort_index()
    means.columns = list(proxies)
    ranked = {name: combined(means, weights) for name, weights in schemes.items()}
    tops = {name: _top(score, top_k) for name, score in ranked.items()}
    rows = []
    for name, score in ranked.items():
        with_losses = _spearman(score, losses)
        rows.append(
            {
                "scheme": name,
                "spearman_loss": with_losses["spearman"],
                "n": with_losses["n"],
                "spearman_reference": _spearman(score, -ranked[reference])["spearman"],
                "overlap": len(set(tops[name]) & set(tops[reference])) / max(1, len(tops[reference])),
                "promoted": "|".join(tops[name]),
                "weights": " ".join(f"{proxy}={weight:.3g}" for proxy, weight in schemes[name].items()),
            }
        )
    return pd.DataFrame(rows)


def _top(score: pd.Series, count: int) -> list[str]:
    return list(score.sort_values(ascending=False, kind="stable").index[:count])
