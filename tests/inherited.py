"""Derived networks that carry the weights of a supernet, for tests of what both have to give alike."""

import copy

import torch.nn as nn

from darts_pl.genotype import AnyGenotype
from darts_pl.spaces import CellSpace, Nasbench201Space
from darts_pl.spaces.base import Space, Supernet
from darts_pl.spaces.choice import derive_module


def network_with_weights(space: Space, supernet: Supernet, genotype: AnyGenotype, *shapes) -> nn.Module:
    """The network that `space` builds for `genotype` and `shapes`, with precision, weights and buffers of the supernet;
    of a chosen width the first channels."""
    if isinstance(space, CellSpace | Nasbench201Space):
        network = space._network(genotype, *shapes, searching=True)  # operations as in the supernet
    else:
        network = space.network(genotype, *shapes)
    network = network.to(supernet.weight_parameters()[0].dtype)
    inherit(network, supernet, space.chosen(genotype))
    return network


def inherit(network: nn.Module, supernet: Supernet, choices: dict) -> None:
    """Copy by name, from a copy of the supernet in which what was chosen stands in the place of every choice."""
    source = derive_module(copy.deepcopy(supernet), choices).state_dict()
    prefix = "module." if hasattr(supernet, "module") else ""
    state = network.state_dict()
    for name, value in state.items():
        state[name] = source[prefix + name][tuple(slice(size) for size in value.shape)]
    network.load_state_dict(state)
