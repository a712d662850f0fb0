"""Anybody's LightningDataModule as the data of a search and a retraining."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence, Sized
from functools import cached_property
from typing import Any

import lightning
import numpy as np
import torch
from hydra.utils import get_object
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch.utils.data import DataLoader, IterableDataset

from darts_pl.data.base import Classes, InputShape, Outputs, PairedDataModule
from darts_pl.data.user_batches import (
    check_values,
    highest_labels,
    infer_outputs,
    infer_task,
    outputs_of,
    split_batch,
    tensors,
)
from darts_pl.data.user_samples import Samples, UserBatches, as_sampled, generators_kept, seed_all
from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.inputs import Inputs, as_declared, inputs_of, widest
from darts_pl.seeds import derived_seed
from darts_pl.tasks import Classification, MultiTask, Task

log = logging.getLogger("darts_pl")

PARTS = {"train": "train_dataloader", "val": "val_dataloader", "test": "test_dataloader"}
ALPHAS_PARTS = ("train", "val")


class UserModuleData(PairedDataModule):
    """Data out of a LightningDataModule whose loaders read map-style data sets.

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
        purpose, batch_size, eval_batch_size, seed, holdout: see `PairedDataModule`.

    Raises:
        ConfigError: an option that cannot be. DataError, in `prepare`: loaders or batches that cannot be used.
    """

    loader = UserBatches

    def __init__(
        self,
        *,
        module: lightning.LightningDataModule,
        inputs: Sequence[str | int] | None = None,
        targets: Sequence[str | int] | None = None,
        outputs: Outputs | None = None,
        task: Task | None = None,
        combine: str = "mean",
        alphas_from: str = "train",
        weights_fraction: float = 0.5,
        purpose: str = "search",
        batch_size: int = 64,
        eval_batch_size: int | None = None,
        seed: int = 0,
        holdout: float = 0.0,
    ) -> None:
        super().__init__(
            purpose=purpose,
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            seed=seed,
            weights_fraction=weights_fraction,
            holdout=holdout,
        )
        if not isinstance(module, lightning.LightningDataModule):
            raise ConfigError(f"data.target: found {type(module).__name__}, expected a LightningDataModule")
        if alphas_from not in ALPHAS_PARTS:
            raise ConfigError(f"data.alphas_from={alphas_from!r} is unknown. {nearest(alphas_from, ALPHAS_PARTS)}")
        self.module, self.inputs, self.targets = module, inputs and list(inputs), targets and list(targets)
        self.alphas_part, self.combine = alphas_from, combine
        self._known_outputs: Outputs | None = dict(outputs) if isinstance(outputs, Mapping) else outputs
        self._task = task

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
            loaders = self._loaders()
        if "train" not in loaders:
            raise DataError(f"{self._name} has no train_dataloader")
        return {part: self._samples(part, loader) for part, loader in loaders.items()}

    def _loaders(self) -> dict[str, Any]:
        """What the module's own methods give, by part."""
        module = self.module
        methods = {"train": module.train_dataloader, "val": module.val_dataloader, "test": module.test_dataloader}
        base = lightning.LightningDataModule
        return {part: method() for part, method in methods.items() if is_overridden(PARTS[part], module, base)}

    def _samples(self, part: str, loader: Any) -> Samples:
        where = f"{self._name}.{PARTS[part]}"
        if not isinstance(loader, DataLoader):
            raise DataError(f"{where} gives a {type(loader).__name__}, expected one torch DataLoader")
        dataset = loader.dataset
        if isinstance(dataset, IterableDataset) or not isinstance(dataset, Sized):
            raise DataError(
                f"{where} reads a {type(dataset).__name__}, which gives its samples one after the other; expected a "
                "data set with __getitem__ and __len__, to be cut in halves and read in an order that the seed decides"
            )
        if len(dataset) == 0:
            raise DataError(f"{where}: the data set is empty")
        return Samples(as_sampled(loader, dataset, where), loader.collate_fn, self.seed, part)

    @property
    def training_count(self) -> int:
        """Training samples of the module."""
        return len(self.samples["train"])

    def cut(self, fraction: float) -> tuple[torch.Tensor, torch.Tensor]:
        """The training samples in two at random. With alphas_from=val a search has all of them for the weights, and
        all of the validation part, by their own numbers, for the alphas."""
        count = self.training_count
        if self.purpose == "search" and self.alphas_part == "val":
            if "val" not in self.samples:
                raise DataError(f"data.alphas_from=val: {self._name} has no val_dataloader. Take train")
            return torch.arange(count), torch.arange(len(self.samples["val"]))
        size = round(count * fraction)
        if self.purpose == "search" and not 0 < size < count:
            raise DataError(f"data.weights_fraction={fraction} of {count} training samples leaves one half empty")
        generator = torch.Generator().manual_seed(derived_seed(self.seed, "halves"))
        order = torch.randperm(count, generator=generator)
        return order[:size].sort().values, order[size:].sort().values

    @property
    def validation(self) -> tuple[str, torch.Tensor]:
        """The alphas' half (search), the held-out part or the module's validation data (retraining)."""
        part, numbers = super().validation
        if self.purpose == "retrain" and not len(numbers) and "val" in self.samples:
            return "val", torch.arange(len(self.samples["val"]))
        return part, numbers

    def samples_of(self, part: str) -> tuple[Samples, Samples]:
        """The samples of "train", "val" or "test"; targets come with their inputs."""
        return self.samples[part], self.samples[part]

    @cached_property
    def first(self) -> tuple[Any, Any]:
        """The first training samples as (x, y)."""
        count = min(len(self.samples["train"]), self.batch_size)
        return self._split(self.samples["train"].batch(range(count), 0), "train")

    @property
    def outputs(self) -> Outputs:
        """How many outputs a network needs, by task where there are several: as the user or the task says, or by the
        targets."""
        if self._known_outputs is None and self._task is not None:
            self._known_outputs = outputs_of(self._task)
        if self._known_outputs is None:
            self._known_outputs = infer_outputs(self.first[1], self._seen_in_training[1])
        return self._known_outputs

    @cached_property
    def _seen_in_training(self) -> tuple[Inputs, dict[str, int]]:
        """(what the inputs look like, the highest label of each part of the targets), over all training samples."""
        shape = inputs_of(self.first[0])
        highest: dict[str, int] = {}
        count = len(self.samples["train"])
        for start in range(0, count, self.eval_batch_size):
            batch = self.samples["train"].batch(range(start, min(start + self.eval_batch_size, count)), 0)
            x, y = self._split(batch, "train")
            shape = widest(shape, inputs_of(x))
            for place, label in highest_labels(y).items():
                highest[place] = max(highest.get(place, 0), label)
        return shape, highest

    def default_task(self) -> Task:
        """By the targets, see `infer_task`."""
        return infer_task(self.first[1], self.outputs, self.combine)

    @cached_property
    def input_shape(self) -> InputShape:
        """What the inputs look like; (C, H, W) of images."""
        return as_declared(self._seen_in_training[0])

    @property
    def classes(self) -> Classes:
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

    def finish(self, x: Any, y: Any, key: int) -> tuple[Any, Any]:
        """A batch of the module's loaders to (x, y), through the module's own hook."""
        self.module.trainer = self.trainer
        return self._split(self.module.on_after_batch_transfer(x, 0), "train" if key >= 0 else "val")

    def _split(self, batch: Any, part: str) -> tuple[Any, Any]:
        where = f"{self._name}.{PARTS[part]}"
        x, y = split_batch(batch, self.inputs, self.targets, where)
        check_values(x, y, self._known_outputs, where)
        return x, y


def _numbers(task: Task) -> tuple[str, ...]:
    return tuple(map(str, range(task.num_classes))) if isinstance(task, Classification) else ()


class TargetModuleData(UserModuleData):
    """The LightningDataModule of a dotted name.

    Args:
        target: the name of its class, or of a function that gives one. arguments: for it, by name.
        others: see `UserModuleData`.

    Raises:
        ConfigError: a name that leads nowhere, arguments that it does not take.
    """

    def __init__(
        self, target: str, arguments: Mapping[str, Any] | None = None, *, seed: int = 0, **others: Any
    ) -> None:
        super().__init__(module=_built(target, arguments or {}, seed), seed=seed, **others)


def _built(target: str, arguments: Mapping[str, Any], seed: int) -> lightning.LightningDataModule:
    try:
        build: Callable[..., lightning.LightningDataModule] = get_object(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"data.target={target!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    with generators_kept():
        seed_all(derived_seed(seed, "data module"))  # search and retraining see the same data
        try:
            return build(**arguments)
        except TypeError as error:
            raise ConfigError(f"data.arguments: {target} cannot be built with them: {error}") from error
