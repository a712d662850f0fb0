"""A choice of inputs."""

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import Derivation, strongest
from darts_pl.errors import ConfigError, nearest
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.module.choice import Select
from darts_pl.spaces.module.opening import Chosen, Open, Parts

REDUCTIONS = ("sum", "mean", "concat")


class InputChoice(Open):
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

    def __init__(self, n: int, k: int = 1, label: str | None = None, reduction: str = "sum"):
        super().__init__(label)
        if not 1 <= k < n:
            raise ConfigError(f"InputChoice: found k={k} of n={n} inputs, expected k from 1 to {max(n - 1, 1)}")
        if reduction not in REDUCTIONS:
            raise ConfigError(f"InputChoice: reduction={reduction!r} does not exist. {nearest(reduction, REDUCTIONS)}")
        self.names = tuple(str(number) for number in range(n))
        self.nodes, self.reduction = tuple(range(k)), reduction
        self.places = nn.ModuleList(
            Parts({name: Select(number) for number, name in enumerate(self.names)}) for _ in range(k)
        )

    @property
    def row_names(self) -> tuple[str, ...]:
        """`<label>` for one place, else `<label> 1`, `<label> 2`, …"""
        if len(self.nodes) == 1:
            return (self.label,)
        return tuple(f"{self.label} {place + 1}" for place in self.nodes)

    @property
    def edges(self) -> dict[str, MixedOperation]:
        """A row a place."""
        return dict(zip(self.row_names, self.places))

    def signature(self) -> tuple:
        """Also the reduction."""
        return *super().signature(), self.reduction

    def forward(self, *inputs: Tensor | Sequence[Tensor]) -> Tensor:
        """n inputs of one shape, or one list of them → one of this shape; k times as long in dimension 1 by `concat`.

        Raises:
            ConfigError: another number of inputs.
        """
        given = _several(inputs)
        if len(given) != len(self.names):
            raise ConfigError(f"choice {self.label!r}: found {len(given)} inputs, expected {len(self.names)}")
        return joined([place(given, gate) for place, gate in zip(self.places, self.rows())], self.reduction)

    def check(self, chosen: Chosen) -> None:
        """k different inputs."""
        fits = isinstance(chosen, tuple) and len(set(chosen)) == len(chosen) == len(self.nodes)
        if not fits or not set(chosen) <= set(self.names):
            raise ValueError(f"expected a list of {len(self.nodes)} of the inputs {', '.join(self.names)}")

    def some(self, last: bool = False) -> Chosen:
        """The first k or the last."""
        return self.names[-len(self.nodes) :] if last else self.names[: len(self.nodes)]

    def draw(self, generator: torch.Generator) -> Chosen:
        """k of n in any order."""
        return tuple(self.names[i] for i in torch.randperm(len(self.names), generator=generator)[: len(self.nodes)])

    def derive(self, strengths: Tensor, derivation: Derivation) -> Chosen:
        """Places filled by descending strength; ties go to the earlier place, then to the earlier input."""
        strongest(strengths, self.names)  # for its checks
        taken: dict[int, int] = {}
        for flat in strengths.detach().double().cpu().flatten().argsort(descending=True, stable=True).tolist():
            place, number = divmod(flat, len(self.names))
            if place not in taken and number not in taken.values():
                taken[place] = number
        return tuple(self.names[taken[place]] for place in self.nodes)

    def one_hot(self, chosen: Chosen) -> Tensor:
        """A row a place."""
        gates = torch.zeros(len(self.nodes), len(self.names))
        for place, name in enumerate(chosen):
            gates[place, self.names.index(name)] = 1.0
        return gates

    def selected(self, chosen: Chosen) -> list[nn.Module]:
        """Inputs hold no modules."""
        return []

    def decided(self, chosen: Chosen) -> nn.Module:
        """The inputs that were chosen, joined."""
        return ChosenInputs([int(name) for name in chosen], self.reduction)


class ChosenInputs(nn.Module):
    """Certain inputs, joined."""

    def __init__(self, numbers: Sequence[int], reduction: str):
        super().__init__()
        self.numbers, self.reduction = tuple(numbers), reduction

    def forward(self, *inputs: Tensor | Sequence[Tensor]) -> Tensor:
        """As `InputChoice.forward`."""
        given = _several(inputs)
        return joined([given[number] for number in self.numbers], self.reduction)

    def extra_repr(self) -> str:
        """What print shows."""
        return f"inputs {', '.join(map(str, self.numbers))}, {self.reduction}"


def _several(inputs: tuple) -> Sequence[Tensor]:
    return inputs[0] if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else inputs


def joined(parts: Sequence[Tensor], reduction: str) -> Tensor:
    """Tensors as one, see `InputChoice`."""
    if reduction == "concat":
        return torch.cat(list(parts), dim=1)
    total = sum(parts[1:], parts[0])
    return total / len(parts) if reduction == "mean" else total
