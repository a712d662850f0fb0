"""What data modules of separate samples in memory share: their parts, their loaders, the checks of their settings."""

from functools import cached_property
from typing import Any

import lightning
import numpy as np
import torch

from darts_pl.data.batches import Batches, PairedBatches
from darts_pl.data.split import Index
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.tasks import Task

PURPOSES = ("search", "retrain")
SUBSET_SEED = 0


class SampleData(lightning.LightningDataModule):
    """Base: a subclass names its `unit` and defines `task`, `training_count`, `cut` and `gatherers_of`.

    A batch is `(x, y)`, in a search `{"weights": (x, y), "alphas": (x, y)}`. The loaders themselves add a key,
    `(x, y, key)`, which `on_after_batch_transfer` takes off.

    Args:
        purpose: "search" pairs two halves of the training samples; "retrain" uses them as one.
        batch_size: samples a training batch. eval_batch_size: of validation and test; four times as many by default.
        seed: of the halves and the order.
        weights_fraction: the share of the training samples that the weights get in a search.
        holdout: the share kept for validation in a retraining.
        limit_train: use only so many training samples, the same ones for every seed.

    Raises:
        ConfigError: an unknown `purpose`, a number out of range.
    """

    unit = "sample"

    def __init__(
        self,
        *,
        purpose: str,
        batch_size: int,
        eval_batch_size: int | None,
        seed: int,
        weights_fraction: float,
        holdout: float,
        limit_train: int | None,
    ) -> None:
        super().__init__()
        if purpose not in PURPOSES:
            raise ConfigError(f"purpose={purpose!r} is unknown. {nearest(purpose, PURPOSES)}")
        if not 0 <= holdout < 1:
            raise ConfigError(f"holdout={holdout}, expected a share from 0 to below 1")
        if not 0 < weights_fraction < 1:
            raise ConfigError(f"weights_fraction={weights_fraction}, expected a share above 0 and below 1")
        sizes = {"batch_size": batch_size, "eval_batch_size": eval_batch_size, "limit_train": limit_train}
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise ConfigError(f"data.{name}={size}: expected 1 or more")
        self.purpose, self.seed = purpose, seed
        self.elapsed_epochs = 0  # of earlier phases of a search
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size or 4 * batch_size
        self.weights_fraction, self.holdout, self.limit_train = weights_fraction, holdout, limit_train

    @property
    def task(self) -> Task:
        """What a network is trained for."""
        raise NotImplementedError(f"{type(self).__name__} must define task")

    @property
    def training_count(self) -> int:
        """Training samples in use, after `limit_train`."""
        raise NotImplementedError(f"{type(self).__name__} must define training_count")

    def cut(self, fraction: float) -> tuple[Index, Index]:
        """The training samples in two by `seed`, sorted numbers below `training_count`; the first has `fraction`."""
        raise NotImplementedError(f"{type(self).__name__} must define cut(fraction)")

    def gatherers_of(self, part: str) -> tuple[Any, Any]:
        """What gives x and y of the "train" or "test" samples for their numbers; y has a length."""
        raise NotImplementedError(f"{type(self).__name__} must define gatherers_of(part)")

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook; the same as `prepare`."""
        self.prepare()

    def prepare(self) -> None:
        """Read the data and check everything that depends on them; a second call does nothing.

        Raises:
            DataError, ConfigError: data that are missing or damaged, settings that do not fit them, a batch larger
                than a part.
        """
        _ = self.task
        self.test_dataloader()
        self.train_dataloader()

    @cached_property
    def halves(self) -> tuple[Index, Index]:
        """Numbers of training samples: (weights, alphas) of a search, (training, held out) of a retraining."""
        if self.purpose == "search":
            return self.cut(self.weights_fraction)
        if self.holdout == 0:
            return np.arange(self.training_count), np.arange(0)
        return self.cut(1 - self.holdout)

    def train_dataloader(self) -> PairedBatches | Batches:
        """Training batches: of both halves in a search, of the training part in a retraining."""
        first, second = self.halves
        if self.purpose == "retrain":
            return self._training(first, "train")
        return PairedBatches(self._training(first, "weights"), self._training(second, "alphas"), self.elapsed_epochs)

    def val_dataloader(self) -> Batches | list[Batches]:
        """The alphas half (search) or held-out part (retraining) in order; [] where there is none."""
        return self._evaluation("train", self.halves[1]) if len(self.halves[1]) else []

    def test_dataloader(self) -> Batches:
        """The test samples in order."""
        return self._evaluation("test", np.arange(len(self.gatherers_of("test")[1])))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """`(x, y, key)` to `(x, y)`, in each part of a paired batch."""
        if isinstance(batch, dict):
            return {name: (x, y) for name, (x, y, _) in batch.items()}
        x, y, _ = batch
        return x, y

    def _training(self, chosen: Index, stream: str) -> Batches:
        if self.batch_size > len(chosen):
            raise DataError(
                f"data.batch_size={self.batch_size} is larger than the {stream!r} part of the training data, which "
                f"holds {len(chosen)} {self.unit}s. Lower batch_size to at most {len(chosen)}, or raise "
                "data.limit_train or that part's share"
            )
        x, y = self.gatherers_of("train")
        index = torch.from_numpy(chosen)
        return Batches(x, y, self.batch_size, seed=self.seed, stream=stream, shuffle=True, index=index)

    def _evaluation(self, part: str, chosen: Index) -> Batches:
        x, y = self.gatherers_of(part)
        index = torch.from_numpy(chosen)
        return Batches(x, y, self.eval_batch_size, stream="evaluation", shuffle=False, index=index)
