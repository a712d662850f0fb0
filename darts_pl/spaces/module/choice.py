"""A choice among modules, in any place of a network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch.nn as nn
from torch import Tensor

from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.module.opening import Chosen, Open, named_modules_of, undecided

Candidates = Mapping[str, nn.Module | Callable[[], nn.Module]] | Sequence[nn.Module | Callable[[], nn.Module]]


class Call(NamedTuple):
    """Several inputs of a candidate as one."""

    arguments: tuple[Any, ...]
    named: Mapping[str, Any]


class MixedCall(MixedOperation):
    """A mixed operation of candidates that may take several inputs."""

    def __init__(self, candidates: Mapping[str, nn.Module]):
        super().__init__(candidates, undecided)

    def call(
        self, arguments: tuple[Any, ...], named: Mapping[str, Any], gate: Tensor, *, alone: bool = False
    ) -> Tensor:
        """The candidates' outputs on these inputs, mixed by `gate` [K]; see `MixedOperation.forward`."""
        return self(Call(arguments, named), gate, alone=alone)

    def _run(self, module: Callable, x: Call) -> Tensor:
        return module(*x.arguments, **x.named)


class Choice(Open):
    """One of several modules. It stands wherever a module stands: alone, in a `Sequential`, in a `ModuleList`, within a
    candidate of another choice.

    In a supernet y = Σ_k gate[k] · candidate_k(x) (DARTS, arXiv:1806.09055, equation 2; other mixings say otherwise);
    in a derived network the chosen candidate takes this module's place. Candidates take the same inputs, one or
    several, and give one tensor each, all of one shape.

    Args:
        candidates: name → module, or → what builds one (a class, a function without arguments); a list numbers them.
        label: choices of equal labels share their alphas and are decided together; their candidates have the same
            names. None: decided for itself, under its place in the network.

    Raises:
        ConfigError: fewer than two candidates, or one that is no module.
    """

    def __init__(self, candidates: Candidates, label: str | None = None):
        super().__init__(label)
        self.mixed = MixedCall(named_modules_of(candidates, f"Choice {label!r}" if label else "Choice"))
        self.names = self.mixed.names

    @property
    def edges(self) -> dict[str, MixedOperation]:
        """One row."""
        return {self.label: self.mixed}

    def forward(self, *arguments: Any, **named: Any) -> Tensor:
        """The mixture of the candidates' outputs on these inputs."""
        (gate,) = self.rows()
        return self.mixed.call(arguments, named, gate)

    def selected(self, chosen: Chosen) -> list[nn.Module]:
        """The one candidate."""
        return [self.mixed.candidates[chosen]]

    def decided(self, chosen: Chosen) -> nn.Module:
        """The candidate itself."""
        return self.mixed.candidates[chosen]


class Select(nn.Module):
    """One of several inputs."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """[x_0, x_1, …] → x_number."""
        return inputs[self.number]
