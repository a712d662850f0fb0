"""A choice among modules, in any place of a network."""

import torch.nn as nn
from torch import Tensor

from darts_pl.spaces.choice import ChoiceModule, unbound
from darts_pl.spaces.mixed import Call, MixedOperation
from darts_pl.spaces.module.candidates import Candidates, by_name, module_of
from darts_pl.spaces.options import Chosen, OneOf


class Choice(ChoiceModule):
    """One of several modules. It stands wherever a module stands: alone, in a `Sequential`, in a `ModuleList`, within a
    candidate of another choice.

    In a supernet y = Σ_k gate[k] · candidate_k(x) (DARTS, arXiv:1806.09055, equation 2; other mixings say otherwise);
    in a derived network the chosen candidate takes this module's place. Candidates take the same inputs, one or
    several, and give one tensor each, all of one shape.

    Args:
        candidates: name → module, or → what builds one (a class, a function without arguments); a list numbers them.
        label: choices of equal labels share their alphas and are chosen alike; their candidates have the same
            names. None: chosen for itself, under its place in the network.

    Raises:
        ConfigError: fewer than two candidates, or one that is no module.
    """

    options: OneOf

    def __init__(self, candidates: Candidates, label: str | None = None):
        where = f"Choice {label!r}" if label else "Choice"
        named = by_name(candidates, where)
        super().__init__(label, OneOf(tuple(named)))
        modules = {name: module_of(each, f"{where}, candidate {name!r}") for name, each in named.items()}
        self.mixed = MixedOperation(modules, unbound, droppable=False)  # what follows may read nothing else

    def mixed_operations(self) -> dict[str, MixedOperation]:
        """One row."""
        return {self.kind: self.mixed}

    def forward(self, *arguments: object, **named: object) -> Tensor:
        """The mixture of the candidates' outputs on these inputs."""
        (gate,) = self.rows()
        return self.mixed(Call(arguments, named), gate)

    def freeze(self, chosen: Chosen) -> nn.Module:
        """The candidate itself."""
        return self.mixed.candidates[self.options.check(chosen)]
