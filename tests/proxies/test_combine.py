"""Ranks combined by hand."""

import math

import pandas as pd
import pytest

from darts_pl.errors import ConfigError
from darts_pl.proxies import PROXIES, SCHEMES, combined, random_schemes, scheme

SCORES = pd.DataFrame({"a": [10.0, 20.0, 20.0, math.nan, -math.inf], "b": [5.0, 4.0, 3.0, 2.0, 1.0], "c": [1.0] * 5})


def test_weighted_ranks_by_hand() -> None:
    # a: NaN lowest (0), −inf next (1), 10 (2), two at (3 + 4) / 2; over 4
    a, b = [2 / 4, 3.5 / 4, 3.5 / 4, 0.0, 1 / 4], [1.0, 0.75, 0.5, 0.25, 0.0]
    found = combined(SCORES, {"a": 3.0, "b": 1.0})
    assert found.tolist() == pytest.approx([(3 * x + y) / 4 for x, y in zip(a, b)])
    assert found.index.equals(SCORES.index)


def test_only_ranks_matter_and_ties_say_nothing() -> None:
    stretched = SCORES.assign(b=SCORES["b"].map(lambda value: math.exp(10 * value)))
    assert combined(SCORES, {"a": 1, "b": 1}).tolist() == combined(stretched, {"a": 1, "b": 1}).tolist()
    assert combined(SCORES, {"c": 1}).nunique() == 1
    order = combined(SCORES, {"b": 1}).rank()
    assert combined(SCORES, {"b": 1, "c": 5}).rank().equals(order)


def test_one_candidate_has_a_score() -> None:
    assert combined(SCORES[:1], {"a": 1.0}).tolist() == [0.0]


@pytest.mark.parametrize("weights", [{"aa": 1.0}, {"a": -1.0}, {"a": math.nan}, {"a": 0.0}, {}])
def test_bad_weights(weights: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="weight"):
        combined(SCORES, weights)


def test_schemes_weigh_known_proxies() -> None:
    assert set(SCHEMES["equal"]) == set(PROXIES)
    assert all(set(weights) <= set(PROXIES) for weights in SCHEMES.values())
    assert scheme("aggregate", ["naswot", "params", "swap"]) == {"naswot": 1.0, "swap": 1.0}
    with pytest.raises(ConfigError, match=r"aggregat.*'aggregate'"):
        scheme("aggregat")
    with pytest.raises(ConfigError, match="none of which is measured"):
        scheme("naswot", ["params"])


def test_random_schemes() -> None:
    base = {"a": 1.0, "b": 3.0}
    drawn = random_schemes(200, 0.5, seed=1, base=base)
    assert drawn == random_schemes(200, 0.5, seed=1, base=base) != random_schemes(200, 0.5, seed=2, base=base)
    assert drawn[:5] == random_schemes(5, 0.5, seed=1, base=base)
    assert all(sum(weights.values()) == pytest.approx(1) for weights in drawn)
    logs = pd.Series([math.log(weights["b"] / weights["a"] / 3) for weights in drawn])
    assert abs(logs.mean()) < 0.15 and logs.std() == pytest.approx(0.5 * math.sqrt(2), rel=0.15)
    assert random_schemes(1, 0.0, seed=0, base=base) == [{"a": 0.25, "b": 0.75}]
    with pytest.raises(ConfigError, match="n=-1"):
        random_schemes(-1, 0.5, seed=0)
