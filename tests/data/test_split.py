"""Cuts of a data set are disjoint, covering, fixed by the seed and refused where they cannot be right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darts_pl.data.split import holdout, paired_halves, stratified_subset
from darts_pl.errors import DataError

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), [40, 30, 20, 12, 8]))


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(4, 30), min_size=2, max_size=6),
    fraction=st.floats(0.3, 0.7),
    how=st.sampled_from(["stratified", "first_last"]),
    seed=st.integers(0, 100),
)
def test_halves_are_disjoint_cover_all_and_repeat(counts: list[int], fraction: float, how: str, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    weights, alphas = paired_halves(labels, fraction=fraction, how=how, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([weights, alphas])), np.arange(len(labels)))
    again = paired_halves(labels, fraction=fraction, how=how, seed=seed)
    np.testing.assert_array_equal(weights, again[0])
    assert abs(len(weights) - fraction * len(labels)) <= 1


def test_stratified_halves_keep_each_class() -> None:
    for half in paired_halves(LABELS):
        np.testing.assert_array_equal(np.bincount(LABELS[half]), [20, 15, 10, 6, 4])


def test_another_seed_gives_other_halves() -> None:
    assert set(paired_halves(LABELS, seed=0)[0]) != set(paired_halves(LABELS, seed=1)[0])


def test_first_last_is_the_original_cut() -> None:
    weights, alphas = paired_halves(LABELS, how="first_last")
    np.testing.assert_array_equal(weights, np.arange(55))
    np.testing.assert_array_equal(alphas, np.arange(55, 110))


def test_first_last_is_refused_for_images_sorted_by_class() -> None:
    with pytest.raises(DataError, match=r"sorted by class.*stratified"):
        paired_halves(np.sort(LABELS), how="first_last", class_sorted=True)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_an_empty_half_is_refused(fraction: float) -> None:
    with pytest.raises(DataError, match="weights_fraction"):
        paired_halves(LABELS, fraction=fraction)
    with pytest.raises(DataError, match="leaves one half empty"):
        paired_halves(LABELS[:3], fraction=0.1, how="first_last")


def test_an_unknown_way_names_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'stratified'"):
        paired_halves(LABELS, how="stratifed")


def test_a_class_of_one_image_is_named() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    with pytest.raises(DataError, match="class 1 has only 1 image"):
        paired_halves(labels)
    with pytest.raises(DataError, match="class 'dog' has only 1 image"):
        holdout(labels, 0.5, seed=0, classes=("cat", "dog", "owl"))


def test_holdout_keeps_the_shares() -> None:
    kept, held = holdout(LABELS, 0.25, seed=3)
    assert len(np.intersect1d(kept, held)) == 0 and len(kept) + len(held) == len(LABELS)
    np.testing.assert_allclose(np.bincount(LABELS[held]), [10, 7.5, 5, 3, 2], atol=1)


def test_a_subset_keeps_the_shares_and_never_exceeds_the_data() -> None:
    chosen = stratified_subset(LABELS, 55, seed=0)
    np.testing.assert_array_equal(np.bincount(LABELS[chosen]), [20, 15, 10, 6, 4])
    np.testing.assert_array_equal(stratified_subset(LABELS, 1000, seed=0), np.arange(110))
    with pytest.raises(DataError, match="smaller than the 5 classes"):
        stratified_subset(LABELS, 4, seed=0)
