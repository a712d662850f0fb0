"""Batches of anybody's map-style data set, each a function of its place: order, and what samples draw, by the seed."""

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    default_collate,
)

from darts_pl.data.batches import Batches
from darts_pl.errors import DataError
from darts_pl.seeds import derived_seed


class Samples:
    """What `Batches` indexes: samples of a data set by number, collated.

    Every sample is fetched with torch's, numpy's and Python's generators seeded for it, so that augmentation in the
    data set depends on (seed, place) alone; the generators are left as they were.
    """

    device = torch.device("cpu")

    def __init__(self, dataset: Dataset, collate: Callable | None, seed: int, stream: str):
        self.dataset, self.collate = dataset, collate or default_collate
        self.seed, self.stream = seed, stream

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, numbers: Sequence[int], *place: int) -> Any:
        """The samples of these numbers as the data set's loader would collate them."""
        with generators_kept():
            samples = []
            for number in numbers:
                seed_all(derived_seed(self.seed, "sample", self.stream, *place, number))
                samples.append(self.dataset[number])
            return self.collate(samples)


class GivenBatches(Batches):
    """`Batches` whose batches are made of samples: yields `(batch, None, key)`."""

    def __init__(
        self, samples: Samples, batch_size: int, *, index: torch.Tensor, seed: int, stream: str, shuffle: bool
    ):
        super().__init__(
            samples, samples, batch_size, seed=seed, stream=stream, shuffle=shuffle, index=index
        )  # fmt: skip

    def mixed(self, batch_size: int, seed: int, stream: str) -> "GivenBatches":
        """The same samples in training batches of this size, in an order of its own."""
        return GivenBatches(self.x, batch_size, index=self.index, seed=seed, stream=stream, shuffle=True)

    def batch_at(self, epoch: int, position: int) -> tuple[Any, None, int]:
        """The batch of one place, whatever the current place is."""
        numbers = self._chosen(epoch, position).tolist()
        return self.x.batch(numbers, epoch if self.shuffle else 0), None, 0 if self.shuffle else -1


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


def as_sampled(loader: DataLoader, where: str) -> Dataset:
    """The loader's data set, or the part of it that its sampler reads; the order is not the sampler's.

    Raises:
        DataError: a sampler that weighs or repeats samples.
    """
    sampler, dataset = loader.sampler, loader.dataset
    if isinstance(sampler, SubsetRandomSampler):
        return Subset(dataset, sorted(int(number) for number in sampler.indices))
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
