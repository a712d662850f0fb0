"""A mixed operation: one of several modules, chosen by gates; what every search space is made of."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.relaxations.mixing import MixingFunction


class Call(NamedTuple):
    """Several inputs of a candidate as one."""

    arguments: tuple[object, ...]
    named: Mapping[str, object]


class MixedOperation(nn.Module):
    """The weighted sum of named candidate modules that take the same input and give outputs of one shape.

    It knows nothing of images or cells: an edge of a DARTS cell is one instance, a place among normalisation
    layers or recurrent blocks another.

    Args:
        candidates: name → module; the order fixes which gate belongs to which candidate.
        mixing: `(x, candidates, gate row) -> y`, how gates and candidate outputs become one output.
        auxiliary: a module whose output is added to the mixture, `auxiliary_weight` times (DARTS-).
        droppable: whether the mixture may be dropped; not where no other path leads past it, such as at the inputs of a
            network or at a place in a chain of layers.

    Attributes:
        names: all K candidates, in gate order; `candidates` holds those that `keep` has left.
        auxiliary_weight, drop_path_probability: set by rules of a search, 0 without them. In train mode the mixture of
            a sample is dropped as a whole, whatever its candidates are; the auxiliary module's output stays.

    Raises:
        ConfigError: there is no candidate.
    """

    def __init__(
        self,
        candidates: Mapping[str, nn.Module],
        mixing: MixingFunction,
        auxiliary: nn.Module | None = None,
        *,
        droppable: bool = True,
    ):
        super().__init__()
        if not candidates:
            raise ConfigError("a choice needs at least one candidate, none was given")
        self.names = tuple(candidates)
        self.candidates = nn.ModuleDict(candidates)
        self.mixing, self.auxiliary, self.droppable = mixing, auxiliary, droppable
        self.auxiliary_weight = self.drop_path_probability = 0.0

    def forward(self, x: Any, gate: Tensor, *, without_auxiliary: bool = False) -> Tensor:
        """Mix the candidates' outputs on `x` (a tensor, or a `Call`) by the gate row `gate` [K]."""
        y = self.mixing(x, self.paths(), self.left(gate))
        if self.dropping:
            y = drop_path(y, self.drop_path_probability)
        if self.auxiliary is not None and self.auxiliary_weight and not without_auxiliary:
            y = y + self.auxiliary_weight * _run(self.auxiliary, x)
        return y

    def left(self, gate: Tensor) -> Tensor:
        """The entries of the gate row [K] whose candidates `keep` has left."""
        if len(self.candidates) == len(self.names):
            return gate
        return gate[[k for k, name in enumerate(self.names) if name in self.candidates]]

    @property
    def dropping(self) -> bool:
        """Whether this pass drops mixtures."""
        return self.droppable and self.training and self.drop_path_probability > 0

    def paths(self) -> list[Callable[[Any], Tensor]]:
        """What a mixing may call for the candidates that are left."""
        return [partial(_run, candidate) for candidate in self.candidates.values()]

    def keep(self, names: Iterable[str]) -> None:
        """Remove every candidate, with its weights, that is not in `names`."""
        names = set(names)
        self.candidates = nn.ModuleDict({name: op for name, op in self.candidates.items() if name in names})


def _run(module: nn.Module, x: Any) -> Tensor:
    return module(*x.arguments, **x.named) if isinstance(x, Call) else module(x)


def drop_path(x: Tensor, probability: float) -> Tensor:
    """Zero whole samples of `x` (B, ...) with `probability` and scale the others by 1 / keep (FractalNet,
    arXiv:1605.07648, as used by the released DARTS code)."""
    return x * path_mask(x, probability)


def path_mask(x: Tensor, probability: float) -> Tensor:
    """What `drop_path` multiplies `x` (B, ...) by, (B, 1, ...): 0 for samples that are dropped, 1 / keep for others."""
    keep = 1.0 - probability
    # one draw a sample, (B, 1, ...)
    mask = torch.empty(x.shape[0], *[1] * (x.dim() - 1), dtype=x.dtype, device=x.device).bernoulli_(keep)
    return mask / keep


def is_droppable(operation: nn.Module) -> bool:
    """Whether the path through an operation of a derived network may be dropped: not an identity, as in the released
    DARTS code."""
    return not isinstance(operation, nn.Identity)


def divided_channels(channels: int, divisor: int) -> int:
    """The channels that candidates are built with under a mixing that mixes one part in `divisor` of them.

    Raises:
        ConfigError: they do not divide.
    """
    if channels % divisor:
        raise ConfigError(
            f"space.init_channels makes cells of {channels} channels, which mixing.channel_divisor={divisor} does not "
            f"divide. Take a multiple of {divisor} for space.init_channels"
        )
    return channels // divisor
