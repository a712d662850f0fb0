"""Fixed cuts of a data set, as indices: the paired halves of a search, stratified subsets, a held-out part."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from darts_pl.errors import DataError, nearest

Index: TypeAlias = npt.NDArray[np.int64]
HALVINGS = ("stratified", "first_last")
SUBSET_SEED = 0  # of `limit_train`: the same samples for every seed of a run


def paired_halves(
    labels: Index,
    *,
    fraction: float = 0.5,
    how: str = "stratified",
    seed: int = 0,
    class_sorted: bool = False,
    classes: Sequence[str] = (),
    unit: str = "image",
) -> tuple[Index, Index]:
    """Cut the training images into the half for the weights and the half for the architecture.

    Args:
        labels: int64 [N].
        fraction: the share of the weights, above 0 and below 1.
        how: "stratified" keeps the share of each class; "first_last" cuts the given order once, as the
            original code does (quark0/darts, train_search.py).
        seed: of the stratified cut.
        class_sorted: the images come sorted by class, so that "first_last" is refused.
        classes, unit: names of the classes and of one sample, for messages.

    Returns:
        Two sorted index arrays, disjoint and together covering 0..N-1.

    Raises:
        DataError: an unknown `how`, a fraction out of range, a class with fewer than 2 images, an empty half.
    """
    if how not in HALVINGS:
        raise DataError(f"split={how!r} is no way to halve the training images. {nearest(how, HALVINGS)}")
    _check_fraction("weights_fraction", fraction)
    if how == "stratified":
        return _stratified(labels, round(len(labels) * fraction), seed, classes, unit)
    if class_sorted:
        raise DataError(
            "split='first_last' cuts the training images in the order they are stored, and these come sorted "
            "by class: each half would hold other classes. Choose split='stratified'."
        )
    cut = int(len(labels) * fraction)
    if not 0 < cut < len(labels):
        raise DataError(f"weights_fraction={fraction} of {len(labels)} training images leaves one half empty")
    return np.arange(cut), np.arange(cut, len(labels))


def holdout(
    labels: Index, fraction: float, seed: int, classes: Sequence[str] = (), unit: str = "image"
) -> tuple[Index, Index]:
    """Indices (kept, held out) with the share of each class kept; `fraction` is the share held out.

    Raises:
        DataError: a fraction out of range, a class with fewer than 2 images, a part smaller than the classes.
    """
    _check_fraction("the held-out fraction", fraction)
    return _stratified(labels, len(labels) - round(len(labels) * fraction), seed, classes, unit)


def stratified_subset(labels: Index, n: int, seed: int, classes: Sequence[str] = (), unit: str = "image") -> Index:
    """Sorted indices of `n` images with the share of each class kept; all where there are no more than `n`.

    Raises:
        DataError: fewer images asked for than there are classes, a class with fewer than 2 images.
    """
    if n >= len(labels):
        return np.arange(len(labels))
    return _stratified(labels, n, seed, classes, unit)[0]


def systematic_cut(labels: Sequence[Index], size: int, seed: int) -> tuple[Index, Index]:
    """Systematic sampling keeps the share of each class as nearly as it can be, however small the classes are: samples
    sorted by their classes, shuffled within these, and taken at even distances.

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
    # Sample i is taken where i * size / count, from a random start, passes a whole number: `size` of them, evenly.
    steps = np.arange(count + 1) * size + int(generator.integers(max(count, 1)))
    taken = np.diff(steps // max(count, 1)).astype(bool)
    return np.sort(order[taken]), np.sort(order[~taken])


def _stratified(labels: Index, first_size: int, seed: int, classes: Sequence[str], unit: str) -> tuple[Index, Index]:
    present, counts = np.unique(labels, return_counts=True)
    if len(counts) and counts.min() < 2:
        rarest = int(present[counts.argmin()])
        raise DataError(
            f"class {_name(rarest, classes)} has only {counts.min()} {unit}; a stratified cut needs at least 2 "
            "of each class"
        )
    sizes = (first_size, len(labels) - first_size)
    if min(sizes) < len(present):
        raise DataError(
            f"a stratified cut of {len(labels)} {unit}s into {sizes[0]} and {sizes[1]} leaves a part smaller "
            f"than the {len(present)} classes; take a larger part or more {unit}s"
        )
    first, second = train_test_split(
        np.arange(len(labels)), train_size=sizes[0], test_size=sizes[1], stratify=labels, random_state=seed
    )
    return np.sort(first), np.sort(second)


def as_tensors(cut: tuple[Index, Index]) -> tuple[Tensor, Tensor]:
    """The two parts of a cut as loaders take them, int64."""
    first, second = cut
    return torch.from_numpy(first), torch.from_numpy(second)


def _name(label: int, classes: Sequence[str]) -> str:
    return repr(classes[label]) if label < len(classes) else str(label)


def _check_fraction(name: str, fraction: float) -> None:
    if not 0 < fraction < 1:
        raise DataError(f"{name} is {fraction}, expected a share above 0 and below 1")
