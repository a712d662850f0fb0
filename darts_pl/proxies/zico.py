"""ZiCo: large and steady gradients over several batches."""

import math
from collections.abc import Sequence

import torch
import torch.nn as nn

from darts_pl.proxies.base import Batch, Loss, gradients, layer_weights, register


@register("zico")
def zico(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """ZiCo: Σ over layers log Σ_θ mean|g| / std g, mean and population deviation over at least two batches.

    Li et al., arXiv:2301.11300, equation 16. As in the released code weights whose gradients do not vary, and layers
    without any other, are left out; gradients are of one initialisation, without steps between the batches.
    """
    if len(batches) < 2:
        raise ValueError(f"ZiCo needs two batches, found {len(batches)}")
    parameters = layer_weights(network)
    each = [gradients(loss(network(x), y), parameters) for x, y in batches]
    total = 0.0
    for rows in zip(*each):
        stacked = torch.stack(rows).double()
        deviation = stacked.std(dim=0, correction=0)
        varying = deviation > 0
        ratio = (stacked.abs().mean(dim=0)[varying] / deviation[varying]).sum().item()
        total += math.log(ratio) if ratio > 0 else 0.0
    return total
