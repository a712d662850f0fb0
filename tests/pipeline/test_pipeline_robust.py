"""Pools of operations: which can be, and how the promoted sets of several are compared."""

import math

import numpy as np
import pandas as pd
import pytest
from pipeline_series import FinishedRun
from scipy.stats import spearmanr

from darts_pl.errors import ConfigError
from darts_pl.stages.pipeline.robust_pool import compare_pools, operation_pools, with_redrawn_operations

OPERATIONS = ["identity", "time_conv", "grn", "dlinear", "fourier"]


def test_pools_are_different_subsets_in_order() -> None:
    pools = operation_pools(OPERATIONS, 6, 3, seed=1)
    assert len({tuple(pool) for pool in pools}) == 6
    for pool in pools:
        assert len(pool) == 3 and pool == [name for name in OPERATIONS if name in pool]
    assert operation_pools(OPERATIONS, 2, 3, seed=1) == pools[:2]
    assert operation_pools(OPERATIONS, 6, 3, seed=2) != pools


@pytest.mark.parametrize(("count", "size"), [(10, 3), (1, 5), (5, 1)])
def test_as_many_pools_as_there_are(count: int, size: int) -> None:
    """The last ones take many draws, which end all the same."""
    pools = operation_pools(OPERATIONS, count, size, seed=0)
    assert len({tuple(pool) for pool in pools}) == count == math.comb(5, size)


@pytest.mark.parametrize(
    ("pools", "size", "words"),
    [
        (11, 3, r"robust_pool\.pools=11: 5 operations have 10 subsets of 3"),
        (2, 5, r"robust_pool\.pools=2: 5 operations have 1 subsets of 5"),
        (1, 6, r"robust_pool\.pool_size=6: there are 5 operations in all"),
    ],
)
def test_counts_that_cannot_be_are_refused(pools: int, size: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        operation_pools(OPERATIONS, pools, size, seed=0)


def test_operations_are_drawn_again_and_nothing_else() -> None:
    settings = {"mode": "mamba", "primitives": ["identity", "grn", "dlinear"], "tokens": ["steps"]}
    few = with_redrawn_operations(settings, ["grn", "fourier"], 0, "c0")
    assert few == {**settings, "primitives": ["grn", "fourier"]}
    many = [with_redrawn_operations(settings, OPERATIONS, 0, f"c{index}")["primitives"] for index in range(20)]
    assert all(len(names) == 3 and names == [name for name in OPERATIONS if name in names] for names in many)
    assert len({tuple(names) for names in many}) > 3


def test_pools_compared_by_hand() -> None:
    """Top two: of pool 0 c3, c2; of pool 1 c3, c0 (c2 failed); of pool 2 c0, c1."""
    scores = pd.DataFrame(
        {0: [0.1, 0.2, 0.8, 0.9], 1: [0.5, 0.1, np.nan, 0.9], 2: [0.9, 0.8, 0.3, 0.1]}, index=["c0", "c1", "c2", "c3"]
    )
    pools = [["grn", "identity"], ["grn", "fourier"], ["identity", "fourier"]]
    table = compare_pools(pools, scores, top_k=2)
    assert list(table["operations"]) == ["grn|identity", "grn|fourier", "identity|fourier"]
    assert list(table["promoted"]) == ["c2|c3", "c0|c3", "c0|c1"]
    # Jaccard: 0 and 1 share c3 of three, 1 and 2 share c0 of three, 0 and 2 nothing.
    np.testing.assert_allclose(table["overlap"], [(1 / 3 + 0) / 2, (1 / 3 + 1 / 3) / 2, (0 + 1 / 3) / 2])
    sound = scores.drop(index="c2")
    rho = {(0, 2): spearmanr(scores[0], scores[2]).statistic}
    rho |= {(a, b): spearmanr(sound[a], sound[b]).statistic for a, b in ((0, 1), (1, 2))}
    expected = [(rho[0, 1] + rho[0, 2]) / 2, (rho[0, 1] + rho[1, 2]) / 2, (rho[0, 2] + rho[1, 2]) / 2]
    np.testing.assert_allclose(table["spearman"], expected)


def test_one_pool_has_nothing_to_be_compared_with() -> None:
    table = compare_pools([["grn"]], pd.DataFrame({0: [0.1, 0.2]}, index=["c0", "c1"]), top_k=1)
    assert table["promoted"].tolist() == ["c1"] and table[["spearman", "overlap"]].isna().all(axis=None)


def test_the_pools_of_a_run(whole: FinishedRun) -> None:
    """Two pools of two of the four operations, each with the first three candidates."""
    table = whole.table("robust_pool.csv")
    assert len(table) == 2 and table["operations"].nunique() == 2
    for pool in table.itertuples():
        assert len(pool.operations.split("|")) == 2
        folder = whole.path / "robust_pool" / str(pool.pool)
        assert sorted(path.stem for path in folder.glob("*.json")) == ["c000", "c001", "c002"]
        assert pool.promoted == "c000|c001|c002"  # top_k is 4
