"""Carrying a supernet's weights over to one with wider candidates (Net2WiderNet, arXiv:1511.05641, section 2)."""

import torch

from darts_pl.spaces.architecture import SearchNetwork


@torch.no_grad()
def widen(source: SearchNetwork, target: SearchNetwork) -> None:
    """Copy the weights and buffers of `source` to `target`, candidates that `target` no longer has left out."""
    state = target.state_dict()
    for name, value in source.state_dict().items():
        if name in state and not name.startswith(("alphas.", "betas.", "kept_", "relaxation.")):
            state[name].copy_(value)
