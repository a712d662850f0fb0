"""What a network weighs: parameters, operations, norm. The baselines that other proxies have to beat."""

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch.utils.flop_counter import FlopCounterMode

from darts_pl.proxies.base import Batch, Loss, layer_weights, mapped, register, weights


@register("params")
def params(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Number of parameters, exactly; those of the architecture are none of them."""
    return float(sum(parameter.numel() for parameter in weights(network)))


@register("flops")
def flops(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Floating-point operations of one sample's forward pass: two for each multiplication with addition.

    Of convolutions, matrix products and attention, as `torch.utils.flop_counter` counts them; elementwise operations,
    normalisations and Fourier transforms are not counted.
    """
    network.eval()  # one sample alone has no batch statistics
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(mapped(batches[0][0], lambda value: value[:1]))
    return float(counter.get_total_flops())


@register("l2_norm")
def l2_norm(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Σ over layers ‖θ‖₂ at initialisation (Abdelfattah et al., arXiv:2101.08134); grows with depth and width."""
    return sum(parameter.detach().norm().item() for parameter in layer_weights(network))
