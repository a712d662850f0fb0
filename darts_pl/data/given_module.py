"""Anybody's LightningDataModule as the data of a search and a retraining."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import lightning
import numpy as np
import torch
from hydra.utils import get_object
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch.utils.data import DataLoader, IterableDataset

from darts_pl.data.batches import PairedBatches
from darts_pl.data.given_parts import (
    check_values,
    highest_labels,
    infer_outputs,
    infer_task,
    outputs_of,
    split_batch,
    tensors,
)
from darts_pl.data.given_samples import GivenBatches, Samples, as_sampled, generators_kept, seed_all
from darts_pl.data.passed_on import passes_on_to
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.inputs import Inputs, TensorInput, inputs_of, widest
from darts_pl.seeds import derived_seed
from darts_pl.tasks import Classification, MultiTask, Task

log = logging.getLogger("darts_pl")

PARTS = {"train": "train_dataloader", "val": "val_dataloader", "test": "test_dataloader"}
SOURCES = ("train", "val")


class GivenData(lightning.LightningDataModule):
    """Data with the face of `ImageData` out of a LightningDataModule whose loaders read map-style data sets.

    Its data sets and collate functions are used; the order, the cut in halves and the batches are made here, so that
    they depend on the seed alone and a run can be resumed at any step. In a search the weights train on one part of the
    training data and the alphas on the other (or on the validation data); in a retraining all training data train.
    Samples are fetched in this process.

    Args:
        module: the data module; `prepare_data` and `setup` are called once.
        inputs, targets: which parts of a batch are which, by name or number; None: batches are (inputs, targets).
        outputs: how many outputs a network needs, by task where there are several; None: counted in the training data.
        task: None: by the targets, see `infer_task`. combine: of several tasks' losses, see `MultiTask`.
        alphas_from: `train` or `val`. weights_fraction: the share of the training data that the weights get.
        purpose, batch_size, eval_batch_size, seed, holdout: as in `ImageData`.

    Raises:
        ConfigError: an option that cannot be. DataError, in `prepare`: loaders or batches that cannot be used.
    """

    def __init__(
        self,
        *,
        module: lightning.LightningDataModule,
        inputs: Sequence[str | int] | None = None,
        targets: Sequence[str | int] | None = None,
        outputs: int | Mapping[str, int] | None = None,
        task: Task | None = None,
        combine: str = "mean",
        alphas_from: str = "train",
        weights_fraction: float = 0.5,
        purpose: str = "search",
        batch_size: int = 64,
        eval_batch_size: int | None = None,
        seed: int = 0,
        holdout: float = 0.0,
    ):
        super().__init__()
        if not isinstance(module, lightning.LightningDataModule):
            raise ConfigError(f"data.target: found {type(module).__name__}, expected a LightningDataModule")
        if alphas_from not in SOURCES:
            raise ConfigError(f"data.alphas_from={alphas_from!r} is unknown. {nearest(alphas_from, SOURCES)}")
        for name, share, low in (("weights_fraction", weights_fraction, 0), ("holdout", holdout, -1)):
            if not low < share < 1:
                raise ConfigError(f"data.{name}={share}: expected a share of the training data below 1")
        self.module, self.inputs, self.targets = module, inputs and list(inputs), targets and list(targets)
        self.alphas_from, self.weights_fraction, self.holdout = alphas_from, weights_fraction, holdout
        self.purpose, self.seed, self.combine = purpose, seed, combine
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size or 4 * batch_size
        self.elapsed_epochs = 0  # of earlier phases of a search
        self._given_outputs = dict(outputs) if isinstance(outputs, Mapping) else outputs
        if task is not None:
            self.task = task

    def setup(self, stage: str | None = None) -> None:
        """Lightning's hook; the same as `prepare`."""
        self.prepare()

    def prepare(self) -> None:
        """Set the module up and check what depends on its data; a second call does nothing.

        Raises:
            DataError: loaders that cannot be used, batches of another form, labels out of range.
        """
        self.train_dataloader()
        _ = self.task, self.outputs
        for part, samples in self.samples.items():  # the first samples of each, so that what is wrong shows now
            self._split(samples.batch(range(min(len(samples), self.batch_size)), 0), part)
        if self.purpose == "retrain" and "test" not in self.samples:
            raise DataError(f"{self._name} has no test_dataloader, which a retraining is judged by. Define it, or take "
                            "retraining=none")  # fmt: skip

    @property
    def _name(self) -> str:
        return type(self.module).__name__

    @cached_property
    def samples(self) -> dict[str, Samples]:
        """The data set of each part that the module has."""
        with generators_kept():
            seed_all(derived_seed(self.seed, "data module"))
            self.module.prepare_data()
            for stage in ("fit", "test"):
                self.module.setup(stage)
            loaders = {part: getattr(self.module, method)() for part, method in PARTS.items() if self._has(method)}
        if "train" not in loaders:
            raise DataError(f"{self._name} has no train_dataloader")
        return {part: self._samples(part, loader) for part, loader in loaders.items()}

    def _has(self, method: str) -> bool:
        return is_overridden(method, self.module, lightning.LightningDataModule)

    def _samples(self, part: str, loader: Any) -> Samples:
        where = f"{self._name}.{PARTS[part]}"
        if not isinstance(loader, DataLoader):
            raise DataError(f"{where} gives a {type(loader).__name__}, expected one torch DataLoader")
        dataset = loader.dataset
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
            raise DataError(
                f"{where} reads a {type(dataset).__name__}, which gives its samples one after the other; expected a "
                "data set with __getitem__ and __len__, to be cut in halves and read in an order that the seed decides"
            )
        if len(dataset) == 0:
            raise DataError(f"{where}: the data set is empty")
        return Samples(as_sampled(loader, where), loader.collate_fn, self.seed, part)

    @cached_property
    def halves(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Numbers of training samples: (weights, alphas) of a search, (training, held out) of a retraining. With
        alphas_from=val the alphas' are of the validation part."""
        count = len(self.samples["train"])
        if self.purpose == "search" and self.alphas_from == "val":
            if "val" not in self.samples:
                raise DataError(f"data.alphas_from=val: {self._name} has no val_dataloader. Take train")
            return torch.arange(count), torch.arange(len(self.samples["val"]))
        share = self.weights_fraction if self.purpose == "search" else 1 - self.holdout
        cut = round(count * share)
        if self.purpose == "search" and not 0 < cut < count:
            raise DataError(f"data.weights_fraction={share} of {count} training samples leaves one half empty")
        generator = torch.Generator().manual_seed(derived_seed(self.seed, "halves"))
        order = torch.randperm(count, generator=generator)
        return order[:cut].sort().values, order[cut:].sort().values

    @cached_property
    def first(self) -> tuple[Any, Any]:
        """The first training samples as (x, y)."""
        count = min(len(self.samples["train"]), self.batch_size)
        return self._split(self.samples["train"].batch(range(count), 0), "train")

    @cached_property
    def outputs(self) -> Any:
        """How many outputs a network needs, by task where there are several: as given, as the task says, or by the
        targets."""
        known = self._given_outputs
        if known is None and "task" in self.__dict__:
            known = outputs_of(self.task)
        return infer_outputs(self.first[1], self._seen[1]) if known is None else known

    @cached_property
    def _seen(self) -> tuple[Inputs, dict[str, int]]:
        """(what the inputs look like, the highest label of each part of the targets), over all training samples."""
        shape, highest = inputs_of(self.first[0]), {}
        count = len(self.samples["train"])
        for start in range(0, count, self.eval_batch_size):
            batch = self.samples["train"].batch(range(start, min(start + self.eval_batch_size, count)), 0)
            x, y = self._split(batch, "train")
            shape = widest(shape, inputs_of(x))
            for place, label in highest_labels(y).items():
                highest[place] = max(highest.get(place, 0), label)
        return shape, highest

    @cached_property
    def task(self) -> Task:
        """What a network is trained for."""
        return infer_task(self.first[1], self.outputs, self.combine)

    @cached_property
    def input_shape(self) -> Any:
        """What the inputs look like; (C, H, W) of images."""
        found = self._seen[0]
        is_image = isinstance(found, TensorInput) and len(found.shape) == 3 and found.dtype == "float32"
        return found.shape if is_image else found

    @property
    def preprocessing(self) -> Preprocessing:
        """None: a network is given what the module's loaders give."""
        return Preprocessing()

    @property
    def classes(self) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
        """Numbers of the classes, as there are no names, of several tasks by task; none of a task without classes."""
        if isinstance(self.task, MultiTask):
            return {name: _numbers(task) for name, task in self.task.tasks.items()}
        return _numbers(self.task)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the parts' sizes and of their first samples."""
        digest = hashlib.sha256(str({part: len(samples) for part, samples in self.samples.items()}).encode())
        for part, samples in self.samples.items():
            batch = self._split(samples.batch(range(min(len(samples), 64)), 0), part)
            for place, tensor in tensors(batch).items():
                digest.update(f"\0{place}{tensor.dtype}{tuple(tensor.shape)}".encode())
                digest.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
        return digest.hexdigest()

    def train_dataloader(self) -> PairedBatches | GivenBatches:
        """Training batches: of both halves in a search, of the training part in a retraining."""
        first, second = self.halves
        if self.purpose == "retrain":
            return self._batches("train", first, "train")
        alphas = self._batches(self.alphas_from, second, "alphas")
        return PairedBatches(self._batches("train", first, "weights"), alphas, self.elapsed_epochs)

    def val_dataloader(self) -> GivenBatches | list:
        """The alphas' half (search), the module's validation data or the held-out part (retraining); [] for none."""
        if self.purpose == "search":
            return self._batches(self.alphas_from, self.halves[1], None)
        if len(self.halves[1]):
            return self._batches("train", self.halves[1], None)
        return self._batches("val", None, None) if "val" in self.samples else []

    def test_dataloader(self) -> GivenBatches:
        """The module's test data."""
        return self._batches("test", None, None)

    def _batches(self, part: str, index: torch.Tensor | None, stream: str | None) -> GivenBatches:
        samples = self.samples[part]
        index = torch.arange(len(samples)) if index is None else index
        size = self.eval_batch_size if stream is None else self.batch_size
        stream, shuffle = stream or f"{part} evaluation", stream is not None
        return GivenBatches(samples, size, index=index, seed=self.seed, stream=stream, shuffle=shuffle)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Batches of the loaders to (x, y), through the module's own hook."""
        if isinstance(batch, dict) and set(batch) == {"weights", "alphas"}:
            return {name: self.on_after_batch_transfer(part, dataloader_idx) for name, part in batch.items()}
        self.module.trainer = self.trainer
        given, _, key = batch
        return self._split(self.module.on_after_batch_transfer(given, dataloader_idx), "train" if key >= 0 else "val")

    def _split(self, batch: Any, part: str) -> tuple[Any, Any]:
        where = f"{self._name}.{PARTS[part]}"
        x, y = split_batch(batch, self.inputs, self.targets, where)
        known = self.__dict__.get("outputs", self._given_outputs)
        check_values(x, y, known, where)
        return x, y


def _numbers(task: Task) -> tuple[str, ...]:
    return tuple(map(str, range(task.num_classes))) if isinstance(task, Classification) else ()


@passes_on_to(GivenData)
def module_data(target: str, arguments: Mapping[str, Any] | None = None, **given_data: Any) -> GivenData:
    """The LightningDataModule of a dotted name, built with `arguments`; further keyword arguments go to `GivenData`.

    Raises:
        ConfigError: a name that leads nowhere, arguments that it does not take.
    """
    try:
        build: Callable = get_object(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"data.target={target!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    with generators_kept():
        seed_all(derived_seed(given_data.get("seed", 0), "data module"))  # search and retraining see the same data
        try:
            module = build(**(arguments or {}))
        except TypeError as error:
            raise ConfigError(f"data.arguments: {target} cannot be built with them: {error}") from error
    return GivenData(module=module, **given_data)
