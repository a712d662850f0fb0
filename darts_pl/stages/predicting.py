"""What a loaded model says of raw data: names of classes, numbers, probabilities, as scikit-learn's models do."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from darts_pl.errors import ConfigError, DataError

BATCH = 512  # rows, texts or images that a network takes at a time


class Predicting:
    """Mixin of a model with `classes` (names by class index, by task where there are several, empty without) and the
    methods `inputs_of` (raw data → tensors as `outputs_of` takes them) and `outputs_of`."""

    @property
    def classes_(self) -> npt.NDArray[np.str_] | dict[str, npt.NDArray[np.str_]]:
        """The names of the classes in the order of `predict_proba`'s columns; by task where there are several.

        Raises:
            AttributeError: the model predicts numbers.
        """
        if not self.classes:
            raise AttributeError("the model predicts numbers, it has no classes")
        if isinstance(self.classes, Mapping):
            return {task: np.array(names) for task, names in self.classes.items() if names}
        return np.array(self.classes)

    def predict(self, raw: Any) -> npt.NDArray | dict[str, npt.NDArray]:
        """What the model says of raw data: names of classes [n], numbers in the target's units [n], of several targets
        [n, targets]; by task where there are several.

        Raises:
            DataError: data of another kind, shape or range, or that lack a column.
        """
        return self._by_task(raw, self._said)

    def predict_proba(self, raw: Any) -> npt.NDArray[np.float64] | dict[str, npt.NDArray[np.float64]]:
        """Probabilities [n, classes], a row adds up to 1, columns in the order of `classes_`; by task where there are
        several, of those that have classes.

        Raises:
            ConfigError: the model predicts numbers. DataError: see `predict`.
        """
        if not self.classes:
            raise ConfigError("predict_proba: the model predicts numbers, it has no classes. Take predict")
        return self._by_task(raw, _probabilities, classes_only=True)

    def _by_task(self, raw: Any, said: Any, classes_only: bool = False) -> Any:
        outputs = self._outputs(raw)
        if not isinstance(outputs, Mapping):
            return said(outputs, self.classes)
        tasks = {task: self.classes.get(task) for task in outputs if not classes_only or self.classes.get(task)}
        return {task: said(outputs[task], classes) for task, classes in tasks.items()}

    @torch.no_grad()
    def _outputs(self, raw: Any) -> Any:
        """The network's outputs in eval mode, a part of the data at a time, on the CPU."""
        inputs, training = self.inputs_of(raw), self.training
        place = next(self.parameters(), torch.empty(0)).device
        self.eval()
        try:
            found = [_moved(self.outputs_of(_moved(part, place)), torch.device("cpu")) for part in _parts(inputs)]
        finally:
            self.train(training)
        return _joined(found)

    def _said(self, output: Tensor, classes: Sequence[str] | None) -> npt.NDArray:
        if not classes:
            values = self.in_units(output)
            return (values.squeeze(1) if values.dim() == 2 and values.shape[1] == 1 else values).numpy()
        chosen = (output.flatten() > 0).long() if _one_logit(output, classes) else output.argmax(dim=1)
        return np.array(classes)[chosen.numpy()]

    def in_units(self, output: Tensor) -> Tensor:
        """A network's numbers in the target's units."""
        return output


def _one_logit(output: Tensor, classes: Sequence[str]) -> bool:
    """Whether two classes have one output between them."""
    return len(classes) == 2 and output.shape[1:] in ((), (1,))


def _probabilities(output: Tensor, classes: Sequence[str]) -> npt.NDArray[np.float64]:
    logits = output.double()
    if not _one_logit(output, classes):
        return logits.softmax(dim=1).numpy()
    second = logits.flatten()
    return torch.stack([(-second).sigmoid(), second.sigmoid()], dim=1).numpy()


def _parts(inputs: Any) -> list[Any]:
    """Inputs in parts of `BATCH` samples; at least one, so that none at all has a prediction of no rows."""
    count = len(_first(inputs))
    return [_apply(inputs, lambda t, at=at: t[at : at + BATCH]) for at in range(0, max(count, 1), BATCH)]


def _first(inputs: Any) -> Tensor:
    if isinstance(inputs, Mapping):
        return _first(next(iter(inputs.values())))
    return _first(inputs[0]) if isinstance(inputs, (tuple, list)) else inputs


def _apply(inputs: Any, change: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {name: _apply(part, change) for name, part in inputs.items()}
    if isinstance(inputs, (tuple, list)):
        return type(inputs)(_apply(part, change) for part in inputs)
    return change(inputs)


def _moved(inputs: Any, place: torch.device) -> Any:
    return _apply(inputs, lambda tensor: tensor.to(place))


def _joined(outputs: Sequence[Any]) -> Any:
    if isinstance(outputs[0], Mapping):
        return {name: torch.cat([each[name] for each in outputs]) for name in outputs[0]}
    return torch.cat(list(outputs))


def rows_of(raw: Any) -> pd.DataFrame:
    """Raw rows as a frame: a DataFrame, one row as a Series, or dictionaries, a list of one a row.

    Raises:
        DataError: numbers without the names of their columns, or anything else.
    """
    if isinstance(raw, pd.DataFrame):
        return raw
    if isinstance(raw, pd.Series):
        return raw.to_frame().T.infer_objects()
    if isinstance(raw, (list, tuple)) and raw and all(isinstance(row, Mapping) for row in raw):
        return pd.DataFrame(list(raw))
    raise DataError(
        f"found {type(raw).__name__}, expected a DataFrame with the columns of the training, or a list of "
        "dictionaries, one a row: it must tell which number belongs to which column"
    )


def texts_of(raw: Any) -> list[str]:
    """Texts as a list: a list, tuple, Series or array of them.

    Raises:
        DataError: one text, a table, or what is no text.
    """
    if isinstance(raw, str):
        raise DataError("found one text, expected a list of texts")
    if isinstance(raw, pd.DataFrame):
        raise DataError("found a DataFrame, expected a list of texts, such as a column: frame['text']")
    texts = list(raw)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"found {text!r} as text {place + 1}, expected a text")
    return texts


def images_of(raw: Any, channels: int, size: Sequence[int] | None = None) -> Tensor:
    """Images of 0 to 255 as (B, C, H, W): a tensor or array of this shape, with the channels last, or without any where
    there is one.

    Args:
        size: (H, W) where it is known.

    Raises:
        DataError: another shape, values out of range or none that images of 0 to 255 have.
    """
    if not isinstance(raw, Tensor):
        try:
            raw = torch.from_numpy(np.ascontiguousarray(raw))
        except (TypeError, ValueError) as error:
            raise DataError(f"found {type(raw).__name__}, expected images as one array: {error}") from error
    found = _channels_first(raw, channels, size)
    if found is None:
        expected = f"(images, {channels}, {', '.join(map(str, size)) if size else 'height, width'})"
        raise DataError(f"found an array of {tuple(raw.shape)}, expected {expected} or with the channels last")
    if found.numel():
        low, high = float(found.min()), float(found.max())
        if not 0 <= low <= high <= 255 or (found.is_floating_point() and 0 < high <= 1):
            raise DataError(f"found values from {low:g} to {high:g}, expected the values of images, 0 to 255")
    return found


def _channels_first(raw: Tensor, channels: int, size: Sequence[int] | None) -> Tensor | None:
    tried = [raw] if raw.dim() == 4 else [raw.unsqueeze(1)] if raw.dim() == 3 and channels == 1 else []
    tried += [raw.permute(0, 3, 1, 2)] if raw.dim() == 4 else []
    for each in tried:
        if each.shape[1] == channels and (size is None or tuple(each.shape[2:]) == tuple(size)):
            return each
    return None
