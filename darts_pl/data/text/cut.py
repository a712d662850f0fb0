"""Samples in two with the share of each class kept as nearly as it can be, however small the classes are."""

from collections.abc import Sequence

import numpy as np

from darts_pl.data.split import Index


def systematic_cut(labels: Sequence[Index], size: int, seed: int) -> tuple[Index, Index]:
    """Systematic sampling: samples sorted by their classes, shuffled within these, and taken at even distances.

    A class of n samples gives the first part its share of n, rounded up or down; a class of a single sample falls to
    one part, where a stratified cut of scikit-learn refuses it.

    Args:
        labels: int64 [N] of one task or several. Combinations of classes count as the classes of the first task do: so
            many as its share, within one. Nested tasks come with the coarsest first.
        size: of the first part, from 0 to N.
        seed: of the order.

    Returns:
        Two sorted index arrays, disjoint and together covering 0..N-1.
    """
    count = len(labels[0])
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.permutation(count), *reversed(labels)))
    steps = np.arange(count + 1) * size + int(generator.integers(max(count, 1)))
    taken = np.diff(steps // max(count, 1)).astype(bool)
    return np.sort(order[taken]), np.sort(order[~taken])
