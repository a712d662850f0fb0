"""What searches, retrainings, selections and reports may ask of data, and the loaders that all data share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import lightning
import torch
from torch import Tensor

from darts_pl.data.batches import Batches, Indexed, PairedBatches, Passes
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.errors import ConfigError, nearest
from darts_pl.inputs import Inputs, Outputs
from darts_pl.ops.series.shapes import SeriesShape
from darts_pl.tasks import Task

PURPOSES = ("search", "retrain")

InputShape: TypeAlias = "tuple[int, int, int] | Inputs | SeriesShape"
Classes: TypeAlias = tuple[str, ...] | Mapping[str, Sequence[str]]
Loaded = TypeVar("Loaded", covariant=True)


@runtime_checkable
class Source(Protocol[Loaded]):
    """Anything that loads a whole data set: `Cifar10`, `TableFile`, `Trec` and the like, or one's own."""

    def load(self) -> Loaded:
        """The data set, read and checked."""
        ...


def check_source(source: object, known: str) -> None:
    """Raises ConfigError where `source` cannot load; `known` names some that can."""
    if not isinstance(source, Source):
        raise ConfigError(f"source={source!r} has no load(); expected {known} or the like")


def check_share(weights_fraction: float) -> None:
    """Raises ConfigError where one of the two halves of a search would be empty."""
    if not 0 < weights_fraction < 1:
        raise ConfigError(f"data.weights_fraction={weights_fraction}, expected a share above 0 and below 1")


class FitData(lightning.LightningDataModule):
    """What a fit asks of data: the loaders of Lightning, and `batch_size`, samples of a training batch, where it is
    known."""

    batch_size: int | None = None


class SearchData(FitData, ABC):
    """What a search asks of data besides: a training batch is `{"weights": (x, y), "alphas": (x, y)}`.

    Attributes:
        elapsed_epochs: of earlier phases of a search, from which the order of the data counts on.
    """

    elapsed_epochs: int = 0

    @property
    @abstractmethod
    def task(self) -> Task:
        """What a network is trained for."""

    @property
    @abstractmethod
    def input_shape(self) -> InputShape:
        """What the inputs look like: (C, H, W) of images, see `inputs.as_inputs`; of series a `SeriesShape`."""

    @property
    @abstractmethod
    def outputs(self) -> Outputs | None:
        """How many outputs a network needs, by task where there are several; None where only a network of one's own
        knows."""

    @abstractmethod
    def mixed_validation(self, seed: int, stream: str) -> Passes:
        """What validation sees in training batches, in an order of its own for each (seed, stream)."""


class PairedDataModule(SearchData):
    """Base: data in two halves for a search, as a whole for a retraining.

    A subclass says what the data are (`default_task`, `input_shape`, `outputs`, `fingerprint`) and gives their samples:
    `samples_of` a part, and `training_count` and `cut`, or `halves` at once. The rest has defaults.

    A batch is `(x, y)`, in a search `{"weights": (x, y), "alphas": (x, y)}`. The loaders themselves add a key,
    `(x, y, key)`, which `on_after_batch_transfer` takes off. Where they stand is their own state, which Lightning puts
    into checkpoints: every batch is a function of (seed, stream, epoch, position).

    Args:
        purpose: "search" pairs two halves of the training samples; "retrain" uses them as one.
        batch_size: samples a training batch. eval_batch_size: of validation and test; four times as many by default.
        seed: of the halves and the order.
        weights_fraction: the share of the training samples that the weights get in a search.
        holdout: the share kept for validation in a retraining.
        limit_train: use only so many training samples, the same ones for every seed.

    Attributes:
        alphas_part: the part that the alphas' samples are of.

    Raises:
        ConfigError: an unknown `purpose`, a number out of range.
    """

    batch_size: int
    unit = "sample"
    loader: type[Batches] = Batches

    def __init__(
        self,
        *,
        purpose: str = "search",
        batch_size: int = 64,
        eval_batch_size: int | None = None,
        seed: int = 0,
        weights_fraction: float = 0.5,
        holdout: float = 0.0,
        limit_train: int | None = None,
    ) -> None:
        super().__init__()
        if purpose not in PURPOSES:
            raise ConfigError(f"data.purpose={purpose!r} is unknown. {nearest(str(purpose), PURPOSES)}")
        if not 0 <= holdout < 1:
            raise ConfigError(f"data.holdout={holdout}, expected a share from 0 to below 1")
        check_share(weights_fraction)
        sizes = {"batch_size": batch_size, "eval_batch_size": eval_batch_size, "limit_train": limit_train}
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise ConfigError(f"data.{name}={size}: expected 1 or more")
        self.purpose, self.seed = purpose, seed
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size or 4 * batch_size
        self.weights_fraction, self.holdout, self.limit_train = weights_fraction, holdout, limit_train
        self.alphas_part = "train"
        self._task: Task | None = None

    # What a subclass says of its data

    @abstractmethod
    def default_task(self) -> Task:
        """What a network is trained for, where the user has given no task."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 of the data in use, which tells other data from those of an earlier run."""

    @property
    def classes(self) -> Classes:
        """Names of the classes, by task where there are several; none of a task without classes."""
        return ()

    @property
    def preprocessing(self) -> Preprocessing:
        """What is to be done to raw samples before a network sees them; by default nothing."""
        return Preprocessing()

    def use_cutout(self, size: int) -> None:
        """Erase a square of so many pixels from training images.

        Raises:
            ConfigError: data that have no such augmentation.
        """
        raise ConfigError(
            f"retraining.cutout={size}: found {type(self).__name__}, expected images of this library's own sources. "
            "Take retraining.cutout=0"
        )

    # The samples

    @property
    def training_count(self) -> int:
        """Training samples in use, after `limit_train`."""
        raise NotImplementedError(f"{type(self).__name__} must define training_count")

    def cut(self, fraction: float) -> tuple[Tensor, Tensor]:
        """The training samples in two by `seed`: sorted int64 numbers below `training_count`, the first part with
        `fraction` of them."""
        raise NotImplementedError(f"{type(self).__name__} must define cut(fraction)")

    @abstractmethod
    def samples_of(self, part: str) -> tuple[Indexed, Indexed]:
        """What gives x and y of the samples of a part ("train", "test") for int64 numbers [B]."""

    def numbers_of(self, part: str) -> Tensor | None:
        """int64, which of `samples_of(part)` there are; None for all, from 0 on."""
        return None

    @cached_property
    def halves(self) -> tuple[Tensor, Tensor]:
        """int64 numbers of samples: (weights, alphas) of a search, (training, held out) of a retraining."""
        if self.purpose == "search":
            return self.cut(self.weights_fraction)
        if self.holdout == 0:
            return torch.arange(self.training_count), torch.arange(0)
        return self.cut(1 - self.holdout)

    @property
    def validation(self) -> tuple[str, Tensor]:
        """(part, numbers) of the samples to validate on: the alphas' half of a search, what a retraining holds out."""
        return (self.alphas_part if self.purpose == "search" else "train"), self.halves[1]

    # What follows for all data

    @property
    def task(self) -> Task:
        """What a network is trained for; may be set before `prepare`."""
        if self._task is None:
            self._task = self.default_task()
        return self._task

    @task.setter
    def task(self, task: Task) -> None:
        self._task = task

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook; the same as `prepare`."""
        self.prepare()

    def prepare(self) -> None:
        """Read the data and check everything that depends on them; a second call does nothing.

        Raises:
            DataError, ConfigError: data that are missing or damaged, settings that do not fit them, a batch larger
                than a part.
        """
        self.train_dataloader()

    def train_dataloader(self) -> PairedBatches | Batches:
        """Training batches: of both halves in a search, of the training part in a retraining."""
        first, second = self.halves
        if self.purpose == "retrain":
            return self._training("train", first, "train")
        weights = self._training("train", first, "weights")
        return PairedBatches(weights, self._training(self.alphas_part, second, "alphas"), self.elapsed_epochs)

    def val_dataloader(self) -> Batches | list[Batches]:
        """The samples of `validation` in order, not augmented; [] where there are none."""
        part, numbers = self.validation
        return self._evaluation(part, numbers) if len(numbers) else []

    def mixed_validation(self, seed: int, stream: str) -> Batches:
        """The samples of `validation` in training batches, in an order of their own for each (seed, stream)."""
        return self._evaluation(*self.validation).mixed(self.batch_size, seed, stream)

    def test_dataloader(self) -> Batches:
        """The test samples in order, not augmented."""
        return self.evaluation("test")

    def evaluation(self, part: str) -> Batches:
        """All samples of a part in order, as `(x, y, key)`; the last batch holds what is left."""
        return self._evaluation(part, self.numbers_of(part))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """`(x, y, key)` to `(x, y)`, in each part of a paired batch."""
        if isinstance(batch, dict):
            return {name: self.finish(*part) for name, part in batch.items()}
        return self.finish(*batch)

    def finish(self, x: Any, y: Any, key: int) -> tuple[Any, Any]:
        """A batch as the network takes it, on its device; `key` seeds what augmentation draws, -1 asks for none."""
        return x, y

    def _training(self, part: str, numbers: Tensor, stream: str) -> Batches:
        return self._loader(part, numbers, self.batch_size, stream, shuffle=True)

    def _evaluation(self, part: str, numbers: Tensor | None) -> Batches:
        return self._loader(part, numbers, self.eval_batch_size, "evaluation", shuffle=False)

    def _loader(self, part: str, numbers: Tensor | None, size: int, stream: str, *, shuffle: bool) -> Batches:
        x, y = self.samples_of(part)
        return self.loader(x, y, size, seed=self.seed, stream=stream, shuffle=shuffle, index=numbers, unit=self.unit)
