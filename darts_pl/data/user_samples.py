"""Batches of anybody's map-style data set, each a function of its place: order, and what samples draw, by the seed."""

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    default_collate,
)

from darts_pl.data.batches import NO_AUGMENTATION, Batches, KeyedBatch
from darts_pl.errors import DataError
from darts_pl.seeds import derived_seed


class SizedDataset(Protocol):
    """A map-style data set, which knows how many samples it holds."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Any: ...


class Samples:
    """What `Batches` indexes: samples of a data set by number, collated.

    Every sample is fetched with torch's, numpy's and Python's generators seeded for it, so that augmentation in the
    data set depends on (seed, place) alone; the generators are left as they were.
    """

    device = torch.device("cpu")

    def __init__(self, dataset: SizedDataset, collate: Callable | None, seed: int, stream: str):
        self.dataset, self.collate = dataset, collate or default_collate
        self.seed, self.stream = seed, stream

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, chosen: torch.Tensor) -> Any:
        return self.batch(chosen.tolist())

    def batch(self, numbers: Sequence[int], *place: int) -> Any:
        """The samples of these numbers as the data set's loader would collate them."""
        with generators_kept():
            samples = []
            for number in numbers:
                seed_all(derived_seed(self.seed, "sample", self.stream, *place, number))
                samples.append(self.dataset[number])
            return self.collate(samples)


class UserBatches(Batches):
    """`Batches` of a data set's own: x is `Samples`, y is not read; yields `(batch, None, key)`."""

    x: Samples

    def batch_at(self, epoch: int, position: int) -> KeyedBatch:
        """The batch of one place, whatever the current place is."""
        numbers = self._chosen(epoch, position).tolist()
        return self.x.batch(numbers, epoch if self.shuffle else 0), None, 0 if self.shuffle else NO_AUGMENTATION


def seed_all(seed: int) -> None:
    """Seed torch's, numpy's and Python's generators."""
    torch.default_generator.manual_seed(seed)  # that of the CPU alone: torch.manual_seed takes a millisecond
    np.random.seed(seed % 2**32)  # what data sets of users draw from
    random.seed(seed)


@contextlib.contextmanager
def generators_kept() -> Iterator[None]:
    """torch's, numpy's and Python's generators of the CPU are afterwards as they were."""
    plain, numpys = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(numpys)


def as_sampled(loader: DataLoader, dataset: SizedDataset, where: str) -> SizedDataset:
    """The loader's data set, or the part of it that its sampler reads; the order is not the sampler's.

    Raises:
        DataError: a sampler that weighs or repeats samples.
    """
    sampler = loader.sampler
    if isinstance(sampler, SubsetRandomSampler):
        return Subset(loader.dataset, sorted(int(number) for number in sampler.indices))
    whole = isinstance(sampler, SequentialSampler) or (
        isinstance(sampler, RandomSampler) and not sampler.replacement and sampler.num_samples == len(dataset)
    )
    if not whole or type(loader.batch_sampler) is not BatchSampler:
        found = type(sampler if not whole else loader.batch_sampler).__name__
        raise DataError(
            f"{where} reads by a {found}, but batches are made here, so that it would have no say. Give a "
            "torch.utils.data.Subset, or a data set that holds each sample as often as it is to be read"
        )
    return dataset
