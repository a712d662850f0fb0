"""One choice among modules: what every search space is made of."""

from collections.abc import Callable, Iterable, Mapping

import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError

Mixing = Callable[[Tensor, Iterable[nn.Module], Tensor], Tensor]


class Choice(nn.Module):
    """A choice among named candidate modules that take the same input and give outputs of one shape.

    It knows nothing of images or cells: a mixed operation of a DARTS cell is one instance, a choice among normalisation
    layers or recurrent blocks another.

    Args:
        candidates: name → module; the order fixes which gate belongs to which candidate.
        mixing: `(x, candidates, gate row [K]) -> y`, how gates and candidate outputs become one output.

    Raises:
        ConfigError: there is no candidate.
    """

    def __init__(self, candidates: Mapping[str, nn.Module], mixing: Mixing):
        super().__init__()
        if not candidates:
            raise ConfigError("a choice needs at least one candidate, none was given")
        self.candidates = nn.ModuleDict(candidates)
        self.mixing = mixing

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Mix the candidates' outputs on `x` by the gate row `gate` [K]."""
        return self.mixing(x, self.candidates.values(), gate)
