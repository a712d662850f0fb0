"""Loaders of arrays in memory whose order depends on (seed, stream, epoch) alone.

There is no worker process and no global random state: a batch is a function of its place, and the place is
all that a checkpoint has to keep. Where several ranks train together the order and the batches are those of one
process, and every rank gathers its own part of each batch: `batch_size` is that of a step, however many share it, so
that steps, schedules and places mean the same with another number of ranks.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from darts_pl import ranks
from darts_pl.errors import DataError
from darts_pl.seeds import derived_seed

KeyedBatch: TypeAlias = tuple[Any, Any, int]
NO_AUGMENTATION = -1


class Indexed(Protocol):
    """Samples by their numbers: a tensor, or what gives a batch for int64 [B] on `device`."""

    @property
    def device(self) -> torch.device:
        """Where the samples lie; numbers are expected there."""
        ...

    def __getitem__(self, chosen: Tensor, /) -> Any: ...

    def __len__(self) -> int: ...


class Passes(Protocol):
    """Batches that can be passed through again and again, each pass by its number."""

    def __len__(self) -> int: ...

    def pass_of(self, number: int, /) -> Iterator[KeyedBatch]:
        """The batches of a pass, whichever passes were before."""
        ...


class NamedRows:
    """`rows[chosen]` for int64 [B] is `{name: tensor[chosen]}`.

    Args:
        tensors: name → [samples, ...], all of as many samples and on one device.
    """

    def __init__(self, tensors: Mapping[str, Tensor]):
        self.tensors = dict(tensors)

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return next(iter(self.tensors.values())).device

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, chosen: Tensor) -> dict[str, Tensor]:
        return {name: tensor[chosen] for name, tensor in self.tensors.items()}


class Place:
    """Where a loader stands, in the form that Lightning saves, restores and moves on.

    `state_dict()` taken while a batch is worked on points at the batch after it.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.position = 0

    def state_dict(self) -> dict[str, int]:
        """The place of the next batch."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at a saved place."""
        self.epoch, self.position = state["epoch"], state["position"]

    @property
    def sampler(self) -> "Place":
        """Lightning calls `sampler.set_epoch` before each epoch."""
        return self

    batch_sampler = None

    def set_epoch(self, epoch: int) -> None:
        """Skip to the start of a later epoch, after `limit_train_batches` cut one short; never go back."""
        if epoch > self.epoch:
            self.epoch, self.position = epoch, 0

    def _advance(self, length: int) -> None:
        self.position += 1
        if self.position >= length:
            self.epoch, self.position = self.epoch + 1, 0


class Batches(Place):
    """Batches of samples held in memory.

    With `shuffle`, for training: yields `(x [B, ...], y [B, ...], key)` from the current place to the end of the epoch,
    and `key` seeds the augmentation. Without, for evaluation: every pass yields all samples in their order, with key
    -1.

    Args:
        x, y: inputs and targets by number, such as uint8 [N, C, H, W] and int64 [N], on one device.
        batch_size: samples a batch. A last training batch of one sample joins the one before, since BatchNorm
            cannot train on a single value a channel.
        seed, stream: what the order and the keys derive from; loaders of one run differ in `stream`.
        shuffle: a new order every epoch.
        drop_last: leave out a last batch that is not full.
        index: int64 [M], the samples to use; all of them by default.
        unit: what messages call a sample.

    Raises:
        DataError: no samples, a batch size below 1, or a training batch larger than the samples at hand.
    """

    def __init__(
        self,
        x: Indexed,
        y: Indexed,
        batch_size: int,
        *,
        seed: int = 0,
        stream: str = "train",
        shuffle: bool,
        drop_last: bool = False,
        index: Tensor | None = None,
        unit: str = "image",
    ) -> None:
        super().__init__()
        self.x, self.y = x, y
        self.index = torch.arange(len(y)) if index is None else index.cpu()
        self.seed, self.stream, self.shuffle = seed, stream, shuffle
        _check_batch_size(batch_size, len(self.index), stream, shuffle, unit)
        # BatchNorm cannot train on one image; an evaluation gives each rank a part, so that no image counts twice.
        least = 2 if shuffle else 2 * ranks.world() if ranks.world() > 1 else 1
        self.bounds = _bounds(len(self.index), batch_size, least=least, drop_last=drop_last)
        self._ordered_epoch = -1
        self._order = self.index

    def mixed(self, batch_size: int, seed: int, stream: str) -> "Batches":
        """The same samples in training batches of this size, or all in one, in an order of its own."""
        batch_size = min(batch_size, len(self.index))
        return type(self)(self.x, self.y, batch_size, seed=seed, stream=stream, shuffle=True, index=self.index)

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.bounds)

    def __iter__(self) -> Iterator[KeyedBatch]:
        """From the current place to the end of the epoch; without shuffling always the whole pass."""
        if not self.shuffle:
            for position in range(len(self)):
                yield self.batch_at(0, position)
            return
        epoch = self.epoch
        while self.epoch == epoch:
            batch = self.batch_at(self.epoch, self.position)
            self._advance(len(self))
            yield batch

    def batch_at(self, epoch: int, position: int) -> KeyedBatch:
        """The batch of one place, whatever the current place is."""
        chosen = self._chosen(epoch, position).to(self.x.device)
        own: list[int | str] = ["rank", ranks.rank()] if ranks.rank() else []  # each rank augments by draws of its own
        key = derived_seed(self.seed, self.stream, epoch, position, *own) if self.shuffle else NO_AUGMENTATION
        return self.x[chosen], self.y[chosen], key

    def pass_of(self, epoch: int) -> Iterator[KeyedBatch]:
        """All batches of an epoch, whatever the current place is."""
        return (self.batch_at(epoch, position) for position in range(len(self)))

    def _chosen(self, epoch: int, position: int) -> Tensor:
        """The numbers of this rank's samples in the batch of a place, int64 [B]."""
        start, stop = self.bounds[position]
        chosen = self._order_of(epoch)[start:stop]
        return chosen[ranks.own_part(len(chosen))]

    def _order_of(self, epoch: int) -> Tensor:
        if self.shuffle and epoch != self._ordered_epoch:
            generator = torch.Generator().manual_seed(derived_seed(self.seed, self.stream, epoch, "order"))
            self._order = self.index[torch.randperm(len(self.index), generator=generator)]
            self._ordered_epoch = epoch
        return self._order


class PairedBatches(Place):
    """One batch of the weights half and one of the alphas half a step, as `{"weights": ..., "alphas": ...}`.

    An epoch is one pass over the weights half. The alphas half goes round on the running count of steps: it
    is shuffled anew after each of its own passes and never restarted before. `first_epoch` is added to every epoch, so
    that a later phase of a search goes on where the one before it ended.
    """

    def __init__(self, weights: Batches, alphas: Batches, first_epoch: int = 0) -> None:
        super().__init__()
        self.weights, self.alphas, self.first_epoch = weights, alphas, first_epoch

    def __len__(self) -> int:
        """Batches of the weights half."""
        return len(self.weights)

    def __iter__(self) -> Iterator[dict[str, KeyedBatch]]:
        """From the current place to the end of the epoch."""
        epoch = self.epoch
        while self.epoch == epoch:
            step = (self.first_epoch + self.epoch) * len(self) + self.position
            pair = {
                "weights": self.weights.batch_at(self.first_epoch + self.epoch, self.position),
                "alphas": self.alphas.batch_at(*divmod(step, len(self.alphas))),
            }
            self._advance(len(self))
            yield pair


def _bounds(n: int, batch_size: int, *, least: int, drop_last: bool) -> list[tuple[int, int]]:
    """Where batches begin and end. A last one of fewer than `least` samples joins the one before."""
    edges = [*range(0, n, batch_size), n]
    last = edges[-1] - edges[-2]
    if len(edges) > 2 and ((drop_last and last < batch_size) or last < min(least, batch_size)):
        del edges[-1 if drop_last else -2]
    return list(itertools.pairwise(edges))


def _check_batch_size(batch_size: int, n: int, stream: str, shuffle: bool, unit: str) -> None:
    if n == 0:
        raise DataError(f"the {stream!r} part of the data holds no {unit}")
    if batch_size < 1:
        raise DataError(f"batch_size={batch_size}, expected 1 or more")
    if shuffle and batch_size > n:
        raise DataError(
            f"batch_size={batch_size} is larger than the {stream!r} part of the training data, which holds "
            f"{n} {unit}s. Lower batch_size to at most {n}, or raise limit_train or that part's share."
        )
