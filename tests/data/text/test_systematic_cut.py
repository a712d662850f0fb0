"""Cuts whose classes may be as small as one sample."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from darts_pl.data.split import systematic_cut


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=60), st.floats(0, 1), st.integers(0, 5))
def test_every_class_has_its_share_within_one(labels: list[int], fraction: float, seed: int) -> None:
    codes = np.array(labels)
    size = round(len(codes) * fraction)
    first, second = systematic_cut([codes], size, seed)
    assert len(first) == size and sorted([*first, *second]) == list(range(len(codes)))
    assert (np.diff(first) > 0).all() and (np.diff(second) > 0).all()
    for code in set(labels):
        share = (codes == code).sum() * size / len(codes)
        assert abs((codes[first] == code).sum() - share) < 1 + 1e-9
    again = systematic_cut([codes], size, seed)
    assert np.array_equal(first, again[0])


def test_samples_of_a_class_are_drawn_by_the_seed() -> None:
    codes = np.zeros(100, np.int64)
    firsts = [tuple(systematic_cut([codes], 50, seed)[0]) for seed in range(5)]
    assert len(set(firsts)) == 5
