"""Loaders that a user hands over: what their batches hold, and an order that the seed alone decides."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from darts_pl import ranks
from darts_pl.data.base import FitData, InputShape, Outputs, SearchData
from darts_pl.data.batches import NO_AUGMENTATION, KeyedBatch
from darts_pl.data.user_batches import check_values, highest_labels, infer_outputs, infer_task, outputs_of, split_batch
from darts_pl.errors import DataError
from darts_pl.inputs import Inputs, TensorInput, inputs_of, widest
from darts_pl.seeds import derived_seed
from darts_pl.tasks import Task


class SizedLoader(Protocol):
    """A `DataLoader`, or another iterable of batches that knows how many there are."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


class SeededPasses:
    """A sized loader whose random order in each pass follows from (seed, name, number of the pass) alone.

    A shuffling `DataLoader` draws its order when its workers start, or without workers at its first batch; seeding each
    pass and starting it at its first batch makes both draw the same.
    """

    def __init__(self, loader: SizedLoader, seed: int, name: str):
        self.loader, self.seed, self.name = loader, seed, name
        self.passes = 0

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        torch.manual_seed(derived_seed(self.seed, "loader", self.name, self.passes))
        self.passes += 1
        yield from map(ranks.own_samples, self.loader)

    def pass_of(self, number: int) -> Iterator[KeyedBatch]:
        """The batches of a pass as (x, y, key of no augmentation), whichever passes were before."""
        torch.manual_seed(derived_seed(self.seed, "loader", self.name, number))
        for x, y in self.loader:
            yield x, y, NO_AUGMENTATION


Steps: TypeAlias = SeededPasses | dict[str, SeededPasses]
"""What training steps take: batches of a loader, or of several by name at once."""


class Loaders(FitData):
    """Loaders that Python hands over, for a fit.

    Args:
        train: what training steps take. valid: validated on after each epoch; None for no validation. test: of
            `Trainer.test`.
    """

    def __init__(self, train: Steps, *, valid: Iterable[Any] | None = None, test: Iterable[Any] | None = None):
        super().__init__()
        self.train, self.valid, self.test = train, valid, test

    def train_dataloader(self) -> Steps:
        """Training batches."""
        return self.train

    def val_dataloader(self) -> Iterable[Any]:
        """Validation batches, [] where there are none."""
        return [] if self.valid is None else self.valid

    def test_dataloader(self) -> Iterable[Any]:
        """Test batches, [] where there are none."""
        return [] if self.test is None else self.test


class LoaderData(Loaders, SearchData):
    """A pair of loaders for a search. Where they differ in length, the shorter one starts again within an epoch; passes
    count on over the phases of a search by themselves.

    Args:
        loaders: `weights` and `alphas`. seed: of the order in which loaders that shuffle give their batches.
        input_shape, outputs, task: of the batches, see `describe_any`.
    """

    def __init__(
        self,
        loaders: Mapping[str, SizedLoader],
        seed: int,
        input_shape: InputShape,
        outputs: Outputs | None,
        task: Task,
    ):
        paired = {name: SeededPasses(loader, seed, name) for name, loader in loaders.items()}
        super().__init__(paired, valid=SeededPasses(loaders["alphas"], seed, "evaluation"))
        self.alphas = loaders["alphas"]
        self._input_shape, self._outputs, self._task = input_shape, outputs, task

    @property
    def input_shape(self) -> InputShape:
        """As it was given."""
        return self._input_shape

    @property
    def outputs(self) -> Outputs | None:
        """As they were given."""
        return self._outputs

    @property
    def task(self) -> Task:
        """As it was given."""
        return self._task

    def mixed_validation(self, seed: int, stream: str) -> SeededPasses:
        """The alphas' loader in an order of its own for each (seed, stream); batches have the loader's size."""
        return SeededPasses(self.alphas, seed, stream)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Batches as the loaders give them, (x, y) of those that a selection evaluates on."""
        return batch[:2] if isinstance(batch, tuple) else batch


def describe(loaders: Mapping[str, Iterable[Any]], num_classes: int | None) -> tuple[tuple[int, int, int], int]:
    """((C, H, W), number of classes) of the batches of two loaders, by the names that messages call them; where
    `num_classes` is not given, the labels of both are read through.

    Raises:
        DataError: batches of another form than (float (B, C, H, W), int64 (B,)), two shapes, labels out of range.
    """
    shapes: dict[str, tuple[int, int, int]] = {}
    highest = 0
    for name, loader in loaders.items():
        for batch in loader:
            x, y = _checked(batch, name)
            _, channels, height, width = x.shape
            shapes.setdefault(name, (channels, height, width))
            highest = max(highest, int(y.max()))
            if num_classes is not None:
                break
    shape, other = shapes.values()
    if shape != other:
        found = ", ".join(f"{each} in {name}" for name, each in shapes.items())
        raise DataError(f"images differ in shape: {found}")
    if num_classes is not None and highest >= num_classes:
        raise DataError(f"found label {highest}, expected labels below num_classes={num_classes}")
    if num_classes is None and highest == 0:
        raise DataError("every label is 0: a search needs images of two classes at least")
    return shape, num_classes or highest + 1


def describe_any(
    loaders: Mapping[str, Iterable[Any]], outputs: int | None, task: Task | None
) -> tuple[Inputs, Outputs | None, Task]:
    """(inputs, outputs, task) of two loaders, by the names that messages call them, whose batches are (x, y), each a
    tensor or several of them. Where nothing is given, both are read through to count classes; with a `task` of one's
    own outputs are as given, or not known.

    Raises:
        DataError: batches of another form, values that are not finite, inputs of two shapes.
    """
    shapes: dict[str, Inputs] = {}
    highest: dict[str, int] = {}
    first = None
    for where, loader in loaders.items():
        for batch in loader:
            x, y = split_batch(batch, None, None, where)
            check_values(x, y, outputs, where)
            shape = inputs_of(x)
            shapes[where] = widest(shapes[where], shape) if where in shapes else shape
            first = y if first is None else first
            for place, label in highest_labels(y).items():
                highest[place] = max(highest.get(place, 0), label)
            if (task is not None or outputs is not None) and not _has_whole(shape):
                break
    _check_same(shapes)
    shape = widest(*shapes.values())
    if task is not None:
        return shape, outputs_of(task) if outputs is None else outputs, task
    counted = infer_outputs(first, highest) if outputs is None else outputs
    return shape, counted, infer_task(first, counted)


def _has_whole(shape: Inputs) -> bool:
    """Whether whole numbers are among the inputs, of which every batch may hold a higher one."""
    if isinstance(shape, TensorInput):
        return shape.high is not None
    return any(map(_has_whole, shape.values() if isinstance(shape, Mapping) else shape))


def _check_same(shapes: Mapping[str, Inputs]) -> None:
    found = {name: dict(_sizes(shape)) for name, shape in shapes.items()}
    one, other = found.values()
    if one != other:
        raise DataError("inputs differ: " + ", ".join(f"{shape} in {name}" for name, shape in shapes.items()))


def _sizes(shape: Inputs, place: str = "") -> Iterator[tuple[str, Any]]:
    """What has to be equal between loaders: the parts, their types and, of numbers that are no places of a text,
    shapes."""
    if isinstance(shape, TensorInput):
        yield place, (shape.dtype, shape.shape if shape.high is None else len(shape.shape))
        return
    for key, part in shape.items() if isinstance(shape, Mapping) else enumerate(shape):
        yield from _sizes(part, f"{place}/{key}")


def _checked(batch: object, name: str) -> tuple[Tensor, Tensor]:
    parts = list(batch) if isinstance(batch, (tuple, list)) else [batch]
    match parts:
        case [Tensor() as x, Tensor() as y] if x.dim() == 4 and x.is_floating_point() and y.dtype == torch.int64:
            if y.shape == x.shape[:1] and len(y):
                if int(y.min()) < 0:
                    raise DataError(f"{name}: found label {int(y.min())}, expected labels from 0")
                return x, y
    found = [f"{p.dtype} {tuple(p.shape)}" if isinstance(p, Tensor) else type(p).__name__ for p in parts]
    raise DataError(f"{name}: found a batch of {found}, expected (float (B, C, H, W), int64 (B,))")
