"""Rank correlations of proxies and of their weighting schemes with trained losses, against scipy."""

import numpy as np
import pandas as pd
import pytest
from pipeline_series import FinishedRun
from scipy.stats import rankdata, spearmanr

from darts_pl.stages.pipeline.correlation import proxy_correlations, scheme_table

IDS = [f"c{index}" for index in range(9)]
SEARCHED = ["c7", "c1", "c2", "c3", "c4", "c6"]
SCHEMES = {"the run's": {"params": 1.0, "zico": 1.0}, "params": {"params": 1.0}, "mixed": {"params": 0.2, "zico": 0.8}}


@pytest.fixture
def scores() -> pd.DataFrame:
    """Of nine candidates, with ties; c8 failed."""
    draw = np.random.default_rng(4)
    table = pd.DataFrame({f"{name}_mean": draw.integers(0, 5, 9) * 1.0 for name in ("params", "zico")}, index=IDS)
    table["error"] = None
    table.loc["c8"] = [np.nan, np.nan, "ValueError: no"]
    return table


@pytest.fixture
def losses() -> pd.Series:
    return pd.Series(np.random.default_rng(5).integers(1, 5, 6) / 4, index=SEARCHED)


def agreement(scores: pd.Series, losses: pd.Series) -> float:
    """Spearman's rho of scores with losses turned around."""
    return spearmanr(scores[losses.index].astype(float), -losses).statistic


def test_proxies_against_scipy(scores: pd.DataFrame, losses: pd.Series) -> None:
    found = proxy_correlations(scores, losses, ["params", "zico"])
    expected = {name: agreement(scores[f"{name}_mean"], losses) for name in ("params", "zico")}
    assert {name: each["spearman"] for name, each in found.items()} == pytest.approx(expected)
    assert found["params"]["n"] == found["zico"]["n"] == 6
    assert found["params"]["beats_params"] is None
    assert found["zico"]["beats_params"] is bool(expected["zico"] > expected["params"])


def test_the_sign_says_that_a_high_score_means_a_low_loss() -> None:
    losses = pd.Series([0.5, 0.4, 0.3, 0.2, 0.1], index=IDS[:5])
    scores = pd.DataFrame({"zico_mean": [1, 2, 3, 4, 5], "params_mean": [5, 4, 3, 2, 1]}, index=IDS[:5])
    found = proxy_correlations(scores, losses, ["zico", "params"])
    assert found["zico"]["spearman"] == pytest.approx(1) and found["params"]["spearman"] == pytest.approx(-1)
    assert found["zico"]["beats_params"] is True
    turned = proxy_correlations(scores, 1 - losses, ["zico", "params"])
    assert turned["zico"]["beats_params"] is False


def test_fewer_than_five_say_nothing(scores: pd.DataFrame, losses: pd.Series) -> None:
    found = proxy_correlations(scores, losses.iloc[:4], ["params", "zico"])
    assert found == {name: {"spearman": None, "n": 4, "beats_params": None} for name in ("params", "zico")}
    one_missing = scores.astype({"zico_mean": float})
    one_missing.loc[SEARCHED[:2], "zico_mean"] = np.nan
    assert proxy_correlations(one_missing, losses, ["zico"])["zico"] == {
        "spearman": None, "n": 4, "beats_params": None,
    }  # fmt: skip


def test_a_proxy_of_one_value_says_nothing(scores: pd.DataFrame, losses: pd.Series) -> None:
    scores["params_mean"] = 3.0
    found = proxy_correlations(scores, losses, ["params", "zico"])
    assert found["params"] == {"spearman": None, "n": 6, "beats_params": None}
    assert found["zico"]["spearman"] is not None and found["zico"]["beats_params"] is None


def ranked(scores: pd.DataFrame, weights: dict[str, float]) -> pd.Series:
    """The weighted mean of ranks scaled to 0..1 over the eight that did not fail."""
    sound = scores.iloc[:8]
    parts = [weight * (rankdata(sound[f"{name}_mean"]) - 1) / 7 for name, weight in weights.items()]
    return pd.Series(np.sum(parts, axis=0) / sum(weights.values()), index=sound.index)


def test_schemes_against_scipy(scores: pd.DataFrame, losses: pd.Series) -> None:
    found = scheme_table(scores, losses, ["params", "zico"], SCHEMES, "the run's", top_k=3).set_index("scheme")
    assert list(found.index) == list(SCHEMES)
    expected = {name: ranked(scores, weights) for name, weights in SCHEMES.items()}
    own_top = set(expected["the run's"].sort_values(ascending=False, kind="stable").index[:3])
    for name, score in expected.items():
        row = found.loc[name]
        assert row["spearman_loss"] == pytest.approx(agreement(score, losses)) and row["n"] == 6
        assert row["spearman_reference"] == pytest.approx(spearmanr(score, expected["the run's"]).statistic)
        top = list(score.sort_values(ascending=False, kind="stable").index[:3])
        assert row["promoted"] == "|".join(top)
        assert row["overlap"] == pytest.approx(len(own_top & set(top)) / 3)
    assert found.loc["the run's", "overlap"] == 1 and found.loc["mixed", "weights"] == "params=0.2 zico=0.8"


def test_the_tables_of_a_run(whole: FinishedRun) -> None:
    """Four searches are too few for a correlation; the run's own scheme agrees with who was promoted."""
    proxies = whole.json("results.json")["proxies"]
    assert proxies == {name: {"spearman": None, "n": 4, "beats_params": None} for name in ("params", "naswot", "zico")}
    schemes = whole.table("ablation.csv").set_index("scheme")
    assert list(schemes.index) == ["the run's", "equal", "params"]
    assert schemes.loc["the run's", "promoted"].split("|") == whole.json("search/promoted.json")
    assert schemes["spearman_loss"].isna().all() and schemes.loc["equal", "spearman_reference"] == pytest.approx(1)
    assert "too few candidates (4, expected at least 5)" in whole.printed
