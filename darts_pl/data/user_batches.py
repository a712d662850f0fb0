"""Inputs and targets in a batch of somebody's loader; what is wrong with them is named before it is trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from darts_pl.errors import ConfigError, DataError, nearest
from darts_pl.inputs import Outputs
from darts_pl.tasks import BinaryClassification, Classification, MultiTask, Regression, Task

Keys = Sequence[str | int] | None


def split_batch(batch: Any, inputs: Keys, targets: Keys, where: str) -> tuple[Any, Any]:
    """(x, y) of a batch: as it is where it is a pair, else the parts named by `inputs` and `targets`. One named part is
    given as it is, several numbered parts as a tuple, several named ones as a dictionary.

    Raises:
        DataError: a batch of another form, a part that it does not have.
    """
    if inputs is None and targets is None:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise DataError(
                f"{where}: found a batch of {format_batch(batch)}, expected (inputs, targets). Name the parts: "
                "data.inputs=[...] data.targets=[...]"
            )
        return batch[0], whole_numbers(batch[1])
    if not inputs or not targets:
        raise ConfigError("data.inputs and data.targets: found one of them alone, expected the parts of both")
    return _parts(batch, inputs, "inputs", where), whole_numbers(_parts(batch, targets, "targets", where))


def whole_numbers(y: Any) -> Any:
    """Targets with whole numbers of any type, and yes or no, as int64, which losses ask for."""
    if isinstance(y, Tensor):
        return y if y.is_floating_point() else y.long()
    if isinstance(y, Mapping):
        return {name: whole_numbers(part) for name, part in y.items()}
    return type(y)(map(whole_numbers, y)) if type(y) in (tuple, list) else y


def highest_labels(y: Any) -> dict[str, int]:
    """The highest whole number in each part of targets, 0 of other numbers."""
    found = tensors(y).items()
    return {place: 0 if tensor.is_floating_point() else int(tensor.max()) for place, tensor in found}


def outputs_of(task: Task) -> Outputs | None:
    """How many outputs a task asks for, by name of several; None where it, or one of several, does not say."""
    if isinstance(task, MultiTask):
        found = {name: outputs for name, part in task.tasks.items() if (outputs := outputs_of(part)) is not None}
        return found if len(found) == len(task.tasks) else None
    if isinstance(task, BinaryClassification):
        return 1
    if isinstance(task, Classification):
        return task.num_classes
    return task.num_targets if isinstance(task, Regression) else None


def _parts(batch: Any, keys: Sequence[str | int], role: str, where: str) -> Any:
    found = [_part(batch, key, role, where) for key in keys]
    if len(keys) == 1:
        return found[0]
    return dict(zip(keys, found)) if isinstance(batch, Mapping) else tuple(found)


def _part(batch: Any, key: str | int, role: str, where: str) -> Any:
    if isinstance(batch, Mapping):
        if key not in batch:
            raise DataError(f"data.{role}: {where} has no part {key!r}. {nearest(str(key), map(str, batch))}")
        return batch[key]
    if not isinstance(batch, (tuple, list)) or not isinstance(key, int) or not 0 <= key < len(batch):
        raise DataError(f"data.{role}: found {key!r}, {where} has {format_batch(batch)}")
    return batch[key]


def format_batch(batch: Any) -> str:
    """A batch in a few words."""
    if isinstance(batch, Tensor):
        return f"{str(batch.dtype).removeprefix('torch.')} {tuple(batch.shape)}"
    if isinstance(batch, Mapping):
        return "{" + ", ".join(f"{key}: {format_batch(part)}" for key, part in batch.items()) + "}"
    if isinstance(batch, (tuple, list)):
        return "(" + ", ".join(format_batch(part) for part in batch) + ")"
    return type(batch).__name__


def tensors(parts: Any, name: str = "") -> dict[str, Tensor]:
    """All tensors of nested parts by their place.

    Raises:
        DataError: something else in them.
    """
    if isinstance(parts, Tensor):
        return {name: parts}
    if isinstance(parts, (tuple, list)):
        parts = dict(enumerate(parts))
    if not isinstance(parts, Mapping):
        raise DataError(f"found {type(parts).__name__} {name}, expected tensors")
    return {place: tensor for key, part in parts.items() for place, tensor in tensors(part, f"{name}[{key!r}]").items()}


def check_values(x: Any, y: Any, outputs: Outputs | None, where: str) -> None:
    """Raises DataError for values that are not finite, a label that no output stands for, or targets of another number
    than there are inputs."""
    sizes = set()
    for role, parts in (("inputs", x), ("targets", y)):
        for place, tensor in tensors(parts, role).items():
            sizes.add(len(tensor))
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                row = int((~torch.isfinite(tensor)).flatten(1 if tensor.dim() > 1 else 0).nonzero()[0, 0])
                raise DataError(f"{where}: found a value that is not finite in {place}, sample {row} of the batch")
    if len(sizes) > 1:
        raise DataError(f"{where}: found {sorted(sizes)} samples in the parts of one batch, expected one number")
    _check_labels(y, outputs, where)


def _check_labels(y: Any, outputs: Outputs | None, where: str) -> None:
    if isinstance(y, Mapping) and isinstance(outputs, Mapping):
        for name, size in outputs.items():
            if name not in y:
                raise DataError(f"{where}: targets have no {name!r}. {nearest(name, y)}")
            _check_labels(y[name], size, f"{where}, {name}")
    elif isinstance(y, Tensor) and y.dtype == torch.int64 and y.dim() == 1:
        low, high = int(y.min()), int(y.max())
        if low < 0:
            raise DataError(f"{where}: found label {low}, expected labels from 0")
        if isinstance(outputs, int) and outputs > 1 and high >= outputs:
            raise DataError(f"{where}: found label {high}, expected labels from 0 to {outputs - 1}")


def infer_outputs(y: Any, highest: Mapping[str, int]) -> Outputs:
    """How many outputs targets `y` ask for: of whole numbers the classes, `highest` label by place plus one, of others
    the numbers a sample; by name where there are several."""
    if isinstance(y, Mapping):
        return {name: infer_outputs(part, {"": highest[f"[{name!r}]"]}) for name, part in y.items()}
    if not isinstance(y, Tensor):
        raise DataError(f"targets: found {format_batch(y)}, expected a tensor, or a dictionary of tensors by task")
    if y.is_floating_point():
        return y.shape[1] if y.dim() > 1 else 1
    if highest[""] == 0:
        raise DataError("every label is 0: a classification needs samples of two classes at least")
    return highest[""] + 1


def infer_task(y: Any, outputs: Outputs, combine: str = "mean") -> Task:
    """The task of targets: of whole numbers (B,) a classification, of others a regression, of several both by name.

    Raises:
        ConfigError: outputs by name of one target, or one number of several. DataError: labels that are not (B,).
    """
    if isinstance(y, Mapping):
        if not isinstance(outputs, Mapping):
            raise ConfigError(f"data.outputs={outputs!r}: the targets are {format_batch(y)}, expected one for each")
        return MultiTask({name: infer_task(part, outputs[name]) for name, part in y.items()}, combine=combine)
    if isinstance(outputs, Mapping):
        raise ConfigError(f"data.outputs={dict(outputs)!r}: the targets are {format_batch(y)}, expected one number")
    if y.is_floating_point():
        return Regression(outputs)
    if y.dim() != 1:
        raise DataError(f"targets: found {format_batch(y)}, expected labels (B,), or give task=custom")
    return Classification(outputs)
