"""Somebody's module with choices in it as a supernet."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn as nn
from torch import Tensor

from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import Mixing, Supernet, call
from darts_pl.spaces.module.opening import Open


class ModuleSupernet(Supernet):
    """All candidate networks of a module at once; a kind is a label. Build it by `ModuleSpace.supernet`.

    Args:
        module: the network. choices: label → a choice of that label.
        relaxation: see `Supernet`.
        mixing: of every choice. auxiliary_skip: give the choices of cells an auxiliary skip connection.
    """

    def __init__(
        self,
        module: nn.Module,
        choices: Mapping[str, Open],
        *,
        relaxation: Relaxation,
        mixing: Mixing,
        auxiliary_skip: bool = False,
    ):
        targets = {label: choice.nodes for label, choice in choices.items()}
        candidates = {label: len(choice.names) for label, choice in choices.items()}
        super().__init__(targets, candidates, relaxation)
        self.module = module
        self.cells = [part for part in module.modules() if isinstance(part, Open)]
        for choice in self.cells:
            choice.bind(mixing, auxiliary_skip)
        self.reset_architecture()

    def run(self, x: Any, gates: Sequence[Tensor], weights: Sequence[Tensor | None], *, alone: bool = False) -> Any:
        """See `Supernet.run`; inputs and outputs are those of the module."""
        for choice, rows in zip(self.cells, gates, strict=True):
            choice.gates, choice.alone = rows, alone  # left there: activation checkpointing runs parts again
        return call(self.module, x)

    def weight_parameters(self) -> list[nn.Parameter]:
        """Every parameter that is trained and no architecture parameter: what the module has frozen stays as it is."""
        return [parameter for parameter in super().weight_parameters() if parameter.requires_grad]
