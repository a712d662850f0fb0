"""A mixed operation: one of several modules, chosen by gates; what every search space is made of."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.relaxations.mixing import MixingFunction
from darts_pl.spaces.drop_path import drop_path


class MixedOperation(nn.Module):
    """The weighted sum of named candidate modules that take the same input and give outputs of one shape.

    It knows nothing of images or cells: an edge of a DARTS cell is one instance, a place among normalisation
    layers or recurrent blocks another.

    Args:
        candidates: name → module; the order fixes which gate belongs to which candidate.
        mixing: `(x, candidates, gate row) -> y`, how gates and candidate outputs become one output.
        auxiliary: a module whose output is added to the mixture, `auxiliary_weight` times (DARTS-).

    Attributes:
        names: all K candidates, in gate order; `candidates` holds those that `keep` has left.
        auxiliary_weight, drop_path_probability: set by rules of a search, 0 without them. Paths are dropped in train
            mode, of each candidate but an identity.

    Raises:
        ConfigError: there is no candidate.
    """

    def __init__(self, candidates: Mapping[str, nn.Module], mixing: MixingFunction, auxiliary: nn.Module | None = None):
        super().__init__()
        if not candidates:
            raise ConfigError("a choice needs at least one candidate, none was given")
        self.names = tuple(candidates)
        self.candidates = nn.ModuleDict(candidates)
        self.mixing, self.auxiliary = mixing, auxiliary
        self.auxiliary_weight = self.drop_path_probability = 0.0

    def forward(self, x: Tensor, gate: Tensor, *, alone: bool = False) -> Tensor:
        """Mix the candidates' outputs on `x` by the gate row `gate` [K]; `alone` leaves the auxiliary module out."""
        if len(self.candidates) < len(self.names):
            gate = gate[[k for k, name in enumerate(self.names) if name in self.candidates]]
        dropping = self.training and self.drop_path_probability > 0
        candidates = [self._callable(candidate, dropping) for candidate in self.candidates.values()]
        y = self.mixing(x, candidates, gate)
        if self.auxiliary is not None and self.auxiliary_weight and not alone:
            y = y + self.auxiliary_weight * self._run(self.auxiliary, x)
        return y

    def _callable(self, candidate: nn.Module, dropping: bool) -> Callable[[Tensor], Tensor]:
        run = partial(self._run, candidate)
        if not dropping or not self._droppable(candidate):
            return run
        return lambda x: drop_path(run(x), self.drop_path_probability)

    def _run(self, module: nn.Module, x: Tensor) -> Tensor:
        """A candidate's output on what this operation was given; for a subclass of several inputs."""
        return module(x)

    def _droppable(self, candidate: nn.Module) -> bool:
        return not isinstance(candidate, nn.Identity)

    def keep(self, names: Iterable[str]) -> None:
        """Remove every candidate, with its weights, that is not in `names`."""
        names = set(names)
        self.candidates = nn.ModuleDict({name: op for name, op in self.candidates.items() if name in names})


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
