"""The Fisher proxy: what the loss would lose with each channel."""

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.proxies.base import Batch, Loss, register

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@register("fisher")
def fisher(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Fisher: Σ over channels ½ · meanₙ (Σ a · ∂L/∂a)², a a channel's outputs of a convolution or linear layer.

    Theis et al., arXiv:1801.05787, and Turner et al., arXiv:1906.04113, section 4; the inner sum is over places of a
    sample, n runs over the first dimension, which in forecasting networks may hold series as well as samples.
    """
    x, y = batches[0]
    outputs: list[tuple[Tensor, int]] = []

    def keep(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor:
        outputs.append((output, 1 if isinstance(module, CONVOLUTIONS) else -1))
        return output.clone()  # what follows may work in place

    for module in network.modules():
        if isinstance(module, (*CONVOLUTIONS, nn.Linear)):
            module.register_forward_hook(keep)
    value = loss(network(x), y)
    kept = [(output, channel) for output, channel in outputs if output.requires_grad]
    if not kept:
        raise ValueError("no convolution or linear layer takes part")
    found = torch.autograd.grad(value, [output for output, _ in kept], allow_unused=True)
    total = 0.0
    for (output, channel), gradient in zip(kept, found):
        if gradient is not None:
            moved = (output.detach() * gradient).movedim(channel, -1)
            saliency = moved.reshape(len(moved), -1, moved.shape[-1]).sum(1) if moved.dim() > 1 else moved[None]
            total += 0.5 * saliency.square().mean(0).sum().item()
    return total
