"""What stands between raw data and a network: fitted to training data, kept in a model's file, used in predictions."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor

from darts_pl.errors import DataError


class Preprocessing:
    """The base, and what there is for data that come as the network takes them: nothing is done.

    A model applies `transform` to raw data, `arguments` to tensors on the way into the network, `finish` to what comes
    out, and `in_units` where it predicts numbers. A subclass whose values are learned has a class method `fit` with the
    training data that it needs.
    """

    kind: ClassVar[str] = "none"

    def transform(self, raw: Any) -> Any:
        """Raw data as the tensors that a model's `forward` takes, samples first: a tensor, or a dictionary or tuple.

        Raises:
            DataError: data of another kind, shape or range, or that lack a column.
        """
        found = apply_to_collection(raw, np.ndarray, torch.from_numpy)
        if not _are_tensors(found):
            kind = type(raw).__name__
            raise DataError(
                f"found {kind}, expected tensors or arrays, samples first: one, or several by name or in order"
            )
        return found

    def arguments(self, like: Tensor, *inputs: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What a network is called with for these arguments of a model's `forward`.

        Args:
            like: has the network's device and type of numbers.
        """
        return inputs, named

    def finish(self, output: Any) -> Any:
        """A network's output as `forward` returns it."""
        return output

    def in_units(self, output: Tensor) -> Tensor:
        """What `forward` returns, numbers without classes, in the units of the raw data."""
        return output

    @property
    def target_names(self) -> tuple[str, ...]:
        """What the numbers are that are predicted; none where no names are known."""
        return ()

    def to_plain(self) -> dict[str, Any]:
        """As JSON can write it."""
        return {}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Preprocessing":
        """What `to_plain` wrote.

        Raises:
            ConfigError: anything else; the message has what was found and what was expected.
        """
        return cls()


def _are_tensors(raw: Any) -> bool:
    """Whether there is nothing but tensors with samples in nested parts, and one of them at least."""
    if isinstance(raw, (Mapping, tuple, list)):
        return bool(raw) and all(map(_are_tensors, raw.values() if isinstance(raw, Mapping) else raw))
    return isinstance(raw, Tensor) and raw.dim() > 0
