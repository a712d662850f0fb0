"""Somebody's module with choices in it as a supernet."""

from collections.abc import Mapping
from typing import Any

import torch.nn as nn

from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import MixingFunction, Supernet, call
from darts_pl.spaces.choice import ChoiceModule


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
        choices: Mapping[str, ChoiceModule],
        *,
        relaxation: Relaxation,
        mixing: MixingFunction,
        auxiliary_skip: bool = False,
    ):
        super().__init__({label: choice.options for label, choice in choices.items()}, relaxation)
        self.module = module
        self.cells = [part for part in module.modules() if isinstance(part, ChoiceModule)]
        for choice in self.cells:
            choice.bind(mixing, auxiliary_skip)
        self.reset_architecture()

    def run(self, x: Any) -> Any:
        """See `Supernet.run`; inputs and outputs are those of the module."""
        return call(self.module, x)

    def weight_parameters(self) -> list[nn.Parameter]:
        """Every parameter that is trained and no architecture parameter: what the module has frozen stays as it is."""
        return [parameter for parameter in super().weight_parameters() if parameter.requires_grad]
