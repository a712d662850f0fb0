"""One score of many: weighted ranks."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from darts_pl.errors import ConfigError, nearest
from darts_pl.proxies.base import PROXIES
from darts_pl.seeds import derived_seed

# Written out, as the table of proxies grows with those that users register.
ALL = "synflow snip grasp fisher jacob_cov naswot grad_norm l2_norm zen zico epe_nas swap sensitivity "
ALL += "activation_diversity conditioning params flops"


def _equal_weights(names: str) -> dict[str, float]:
    return dict.fromkeys(names.split(), 1.0)


SCHEMES: dict[str, dict[str, float]] = {
    "equal": _equal_weights(ALL),
    "aggregate": _equal_weights("naswot synflow jacob_cov zico swap"),
    "expressivity": _equal_weights("naswot swap zen activation_diversity"),
    "trainability": _equal_weights("synflow snip grasp grad_norm zico jacob_cov"),
    "size": _equal_weights("params flops l2_norm"),
    "naswot": _equal_weights("naswot"),
    "params": _equal_weights("params"),
}
"""Name → weights of proxies. `aggregate` holds the five that publications rank highest, chosen before any were
measured here."""


def combined(scores: pd.DataFrame, weights: Mapping[str, float]) -> pd.Series:
    """The weighted mean of each row's ranks, in [0, 1], higher better.

    A column's ranks are scaled to 0 (lowest) ... 1 (highest); equal values share the mean of their ranks, and so do
    missing ones, which rank below all others. A column of one value only says nothing and shifts all rows alike.

    Args:
        scores: one row a candidate, one column a proxy, higher better.
        weights: column → weight ≥ 0.

    Raises:
        ConfigError: a proxy that is no column, a weight below 0 or not finite, or no weight above 0.
    """
    for name, weight in weights.items():
        if name not in scores:
            raise ConfigError(f"weight of {name!r}: no such scores. {nearest(name, scores.columns)}")
        if not (math.isfinite(weight) and weight >= 0):
            raise ConfigError(f"weight of {name!r}: found {weight}, expected a finite number of at least 0")
    total = sum(weights.values())
    if total <= 0:
        raise ConfigError(f"weights {dict(weights)}: expected at least one above 0")
    ranks = scores[list(weights)].rank(method="average", na_option="top")
    scaled = (ranks - 1) / max(1, len(scores) - 1)
    return (scaled * (pd.Series(weights, dtype=float) / total)).sum(axis=1).rename("score")


def scheme(name: str, proxies: Iterable[str] = tuple(PROXIES)) -> dict[str, float]:
    """The weights of the scheme `name` for those `proxies` that were measured.

    Raises:
        ConfigError: no such scheme, or it weighs none of them.
    """
    if name not in SCHEMES:
        raise ConfigError(f"weighting scheme {name!r} is not known. {nearest(name, SCHEMES)}")
    measured = set(proxies)
    found = {proxy: weight for proxy, weight in SCHEMES[name].items() if proxy in measured}
    if not found:
        raise ConfigError(
            f"weighting scheme {name!r} weighs {', '.join(SCHEMES[name])}, none of which is measured: "
            f"{', '.join(sorted(measured))}. Measure one of them or choose another scheme"
        )
    return found


def random_schemes(n: int, sigma: float, seed: int, base: Mapping[str, float] | None = None) -> list[dict[str, float]]:
    """`n` schemes about `base` (default: equal weights), each weight times exp(sigma · z), z ~ N(0, 1), summing to 1.

    Raises:
        ConfigError: n or sigma below 0.
    """
    if n < 0 or sigma < 0:
        raise ConfigError(f"n={n}, sigma={sigma}: expected numbers of at least 0")
    start = dict(SCHEMES["equal"] if base is None else base)
    drawn = []
    for index in range(n):
        generator = np.random.default_rng(derived_seed(seed, "scheme", index))
        raw = np.array(list(start.values())) * np.exp(sigma * generator.standard_normal(len(start)))
        drawn.append(dict(zip(start, (raw / raw.sum()).tolist())))
    return drawn
