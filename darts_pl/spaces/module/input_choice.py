"""A choice of inputs."""

from collections.abc import Sequence
from typing import Any

import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.ops.containers import ModuleList
from darts_pl.spaces.choice import ChoiceModule, unbound
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import Chosen, SomeOf
from darts_pl.spaces.walk import check_output, join_nodes


class Select(nn.Module):
    """One of several inputs."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """[x_0, x_1, …] → x_number."""
        return inputs[self.number]


class InputChoice(ChoiceModule):
    """k of n inputs, joined.

    Each of the k places has a row of gates over all n inputs, so that in a supernet every place is a weighted sum of
    the inputs and the scale of the result is that of k inputs. Derivation fills the places by descending gates, each
    input at most once. What computes an input that was not chosen is called by the network's own code and so stays in
    it; where whole branches are to go, make them candidates of a `Choice`.

    Args:
        n: inputs to choose from. k: how many are taken, fewer than n.
        label: as of `Choice`.
        reduction: `sum`, `mean`, or `concat` along dimension 1, in the order of the places.

    Raises:
        ConfigError: k outside 1 … n - 1, an unknown reduction.
    """

    options: SomeOf

    def __init__(self, n: int, k: int = 1, label: str | None = None, reduction: str = "sum"):
        super().__init__(label, SomeOf(tuple(str(number) for number in range(n)), k))
        if not 1 <= k < n:
            raise ConfigError(f"InputChoice: found k={k} of n={n} inputs, expected k from 1 to {max(n - 1, 1)}")
        check_output(reduction, "InputChoice: reduction")
        self.reduction = reduction
        self.places = ModuleList(
            MixedOperation({name: Select(int(name)) for name in self.names}, unbound, droppable=False) for _ in range(k)
        )

    def mixed_operations(self) -> dict[str, MixedOperation]:
        """A row a place."""
        return dict(zip(self.row_names, self.places))

    def signature(self) -> tuple[object, ...]:
        """Also the reduction."""
        return *super().signature(), self.reduction

    def forward(self, *inputs: Tensor | Sequence[Tensor]) -> Tensor:
        """n inputs of one shape, or one list of them → one of this shape; k times as long in dimension 1 by `concat`.

        Raises:
            ConfigError: another number of inputs.
        """
        given = _as_list(inputs)
        if len(given) != len(self.names):
            raise ConfigError(f"choice {self.label!r}: found {len(given)} inputs, expected {len(self.names)}")
        return join_nodes([place(given, gate) for place, gate in zip(self.places, self.rows())], self.reduction)

    def freeze(self, chosen: Chosen) -> "ChosenInputs":
        """The inputs that were chosen, joined."""
        return ChosenInputs([int(name) for name in self.options.check(chosen)], self.reduction)


class ChosenInputs(nn.Module):
    """Certain inputs, joined."""

    def __init__(self, numbers: Sequence[int], reduction: str):
        super().__init__()
        self.numbers, self.reduction = tuple(numbers), reduction

    def forward(self, *inputs: Tensor | Sequence[Tensor]) -> Tensor:
        """As `InputChoice.forward`."""
        given = _as_list(inputs)
        return join_nodes([given[number] for number in self.numbers], self.reduction)

    def extra_repr(self) -> str:
        """What print shows."""
        return f"inputs {', '.join(map(str, self.numbers))}, {self.reduction}"


def _as_list(inputs: tuple[Any, ...]) -> Sequence[Tensor]:
    """The inputs, given one by one or as one list."""
    return inputs[0] if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else inputs
