"""A trained network with its preprocessing: raw data in, names of classes, probabilities, numbers or forecasts out."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import torch.nn as nn
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor

from darts_pl.data.base import Classes, InputShape
from darts_pl.data.preprocessing import Preprocessing
from darts_pl.data.series.preprocessing import SeriesPreprocessing
from darts_pl.engine.choosing import make_engine, running_by
from darts_pl.errors import ConfigError
from darts_pl.genotype import AnyGenotype
from darts_pl.spaces.base import call

BATCH = 512  # rows, texts, images or windows that a network takes at a time

Format = Callable[[Tensor, Sequence[str]], npt.NDArray]


class TrainedModel(nn.Module):
    """A network with its preprocessing, of any kind of data; `predict` and `predict_proba` take raw data.

    Attributes:
        network: takes what the preprocessing makes. preprocessing: fitted in the training.
        genotype; details (metrics and settings of the training).
        classes: names by class index, by task where there are several; empty where numbers are predicted.
        input_shape: what the network was built for: (C, H, W), a `SeriesShape`, else a description of tensors.
    """

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        *,
        genotype: AnyGenotype,
        classes: Classes,
        input_shape: InputShape,
        details: Mapping[str, Any],
    ):
        super().__init__()
        self.network, self.preprocessing, self.genotype = network, preprocessing, genotype
        self.classes, self.input_shape, self.details = classes, input_shape, details
        self._engine = make_engine("auto")

    def forward(
        self,
        x: Any = None,
        /,
        *others: Any,
        past: Tensor | None = None,
        past_known: Tensor | None = None,
        future_known: Tensor | None = None,
        **named: Any,
    ) -> Any:
        """The network's outputs.

        Args:
            x: raw images (B, C, H, W) of 0 to 255, raw windows (B, T, C) of a series, else what `prepared` gives.
            others, named: further inputs of a network that takes several.
            past, past_known, future_known: windows of a series by name, see `SeriesPreprocessing.arguments`.

        Returns:
            Logits, numbers in standard deviations of a table's targets, forecasts (B, P, Y) of a series on its own
            scale in float64.
        """
        # The windows have parameters of their own, as torch.export knows dynamic shapes by the names of parameters.
        windows = {"past": past, "past_known": past_known, "future_known": future_known}
        named |= {name: value for name, value in windows.items() if value is not None}
        inputs = (x, *others) if x is not None or others else ()
        inputs, named = self.preprocessing.arguments(self._like, *inputs, **named)
        single = len(inputs) == 1 and not named
        output = call(self.network, inputs[0]) if single else self.network(*inputs, **named)
        return self.preprocessing.finish(output)

    @property
    def _like(self) -> Tensor:
        return next(self.network.parameters(), torch.empty(0))

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

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets of a series."""
        return self.preprocessing.target_names

    def prepared(self, raw: Any) -> Any:
        """Raw data as `forward` takes them, exactly as in the training: image files as uint8 (B, C, H, W), rows as
        features, texts as numbers of words.

        Raises:
            DataError: data of another kind, shape or range, or that lack a column.
        """
        return self.preprocessing.transform(raw)

    def predict(self, raw: Any) -> npt.NDArray | dict[str, npt.NDArray]:
        """What the model says of raw data: names of classes [n], numbers in the target's units [n], of several targets
        [n, targets], of a series [n, P, targets]; by task where there are several.

        Raises:
            DataError: data of another kind, shape or range, or that lack a column.
        """
        return self._by_task(raw, self._named)

    def predict_proba(self, raw: Any) -> npt.NDArray[np.float64] | dict[str, npt.NDArray[np.float64]]:
        """Probabilities [n, classes], a row adds up to 1, columns in the order of `classes_`; by task where there are
        several, of those that have classes.

        Raises:
            ConfigError: the model predicts numbers. DataError: see `predict`.
        """
        if not self.classes:
            raise ConfigError("predict_proba: the model predicts numbers, it has no classes. Take predict")
        return self._by_task(raw, _probabilities, classes_only=True)

    def forecast(self, frame: pd.DataFrame, future: pd.DataFrame | None = None) -> pd.DataFrame:
        """The next P steps after the last row of `frame`: targets as columns, times as index.

        Args:
            frame: indexed by time in steps of the series' frequency, at least T rows, the last T of them are used;
                columns of targets and covariates by name, others are ignored. Where the model was trained on one series
                of several (`data.series`) and the columns that name it are there, the rows of that series are taken.
            future: the future covariates of the next P steps, where the model has any.

        Raises:
            DataError: too few rows, a missing column, a value that is no finite number or too large, times that do not
                follow each other, several series; a model of windows whose times are not known.
            ConfigError: no row of the model's series; a model of something else than series.
        """
        if not isinstance(self.preprocessing, SeriesPreprocessing):
            raise ConfigError("forecast: the model was not trained on a series. Take predict")
        window, ahead = self.preprocessing.window(frame, future)
        return pd.DataFrame(self._outputs(window)[0].numpy(), index=ahead, columns=list(self.target_names))

    def _by_task(self, raw: Any, form: Format, classes_only: bool = False) -> Any:
        outputs = self._outputs(self.prepared(raw))
        if not isinstance(self.classes, Mapping):
            several = isinstance(outputs, Mapping)  # tasks without classes, all of them
            return {task: form(each, ()) for task, each in outputs.items()} if several else form(outputs, self.classes)
        tasks = {task: self.classes.get(task, ()) for task in outputs}
        return {task: form(outputs[task], names) for task, names in tasks.items() if names or not classes_only}

    @torch.no_grad()
    def _outputs(self, inputs: Any) -> Any:
        """The outputs for prepared inputs, in eval mode, a part of the data at a time, on the CPU."""
        training, device = self.training, self._like.device

        def moved(tensor: Tensor) -> Tensor:
            # there is no float64 on Apple's devices: the preprocessing moves what it has standardised
            wide = device.type == "mps" and tensor.dtype == torch.float64
            return tensor if wide else tensor.to(device)

        self.eval()
        try:
            with running_by(self.network, self._engine):
                outputs = (self(apply_to_collection(part, Tensor, moved)) for part in _parts(inputs))
                found = [apply_to_collection(each, Tensor, Tensor.cpu) for each in outputs]
        finally:
            self.train(training)
        return _joined(found)

    def _named(self, output: Tensor, classes: Sequence[str]) -> npt.NDArray:
        """Names of classes [n] by outputs [n, classes], or [n] or [n, 1] of two; numbers where there are no classes."""
        if not classes:
            values = self.preprocessing.in_units(output)
            return (values.squeeze(1) if values.dim() == 2 and values.shape[1] == 1 else values).numpy()
        chosen = (output.flatten() > 0).long() if _has_one_logit(output, classes) else output.argmax(dim=1)
        return np.array(classes)[chosen.numpy()]


def _has_one_logit(output: Tensor, classes: Sequence[str]) -> bool:
    """Whether two classes have one output between them."""
    return len(classes) == 2 and output.shape[1:] in ((), (1,))


def _probabilities(output: Tensor, classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Logits [n, classes], or [n] or [n, 1] of two, as probabilities [n, classes]."""
    logits = output.double()
    if not _has_one_logit(output, classes):
        return logits.softmax(dim=1).numpy()
    second = logits.flatten()  # [n], of the second class against the first
    return torch.stack([(-second).sigmoid(), second.sigmoid()], dim=1).numpy()


def _parts(inputs: Any) -> list[Any]:
    """Inputs in parts of `BATCH` samples; at least one, so that none at all has a prediction of no rows."""
    count = len(_first(inputs))
    parts = [slice(at, at + BATCH) for at in range(0, max(count, 1), BATCH)]
    return [apply_to_collection(inputs, Tensor, itemgetter(part)) for part in parts]


def _first(inputs: Any) -> Tensor:
    if isinstance(inputs, Mapping):
        return _first(next(iter(inputs.values())))
    return _first(inputs[0]) if isinstance(inputs, (tuple, list)) else inputs


def _joined(outputs: Sequence[Any]) -> Any:
    if isinstance(outputs[0], Mapping):
        return {name: torch.cat([each[name] for each in outputs]) for name in outputs[0]}
    return torch.cat(list(outputs))
