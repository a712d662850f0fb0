"""Zen: how a Gaussian network spreads what differs a little."""

import math
from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from darts_pl.proxies.base import Batch, Loss, batch_size, layer_weights, mapped, register

STEP = 0.01


@register("zen")
def zen(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """Zen-score: log E‖f(x) − f(x + 0.01 ε)‖₁ + Σ over normalisations log √(mean variance + eps).

    Lin et al., arXiv:2102.01063, algorithm 1: x, ε and all layer weights ~ N(0, 1), f the features before global
    pooling; the sum gives back the scale that normalisations take away. Differences from the released code: variances
    of the batch, not running ones; the layers' eps is added (a normalisation of zeros, as behind `none`, would give
    −∞); layer normalisations count as batch normalisations do. The features are the last map (B, C, ...) of three or
    more dimensions that a module without children gave, else the output.
    """
    _gaussian(network)
    variances: list[float] = []
    maps: list[Tensor] = []
    noise = mapped(batches[0][0], torch.randn_like)
    samples = batch_size(noise)

    def watch(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(output, Tensor) and output.dim() >= 3 and len(output) == samples:
            maps[:] = [output.detach()]
        if isinstance(module, (_BatchNorm, nn.LayerNorm)):
            variances.append(math.log(math.sqrt(_mean_variance(module, given[0]) + module.eps)))

    for module in network.modules():
        if not any(module.children()):
            module.register_forward_hook(watch)
    with torch.no_grad():
        first = _features(network(noise), maps)
        scales = sum(variances)
        near = mapped(noise, lambda value: value + STEP * torch.randn_like(value))
        second = _features(network(near), maps)
    spread = (first - second).abs().flatten(1).sum(1).mean().item()
    if spread == 0:
        raise ValueError("the features do not depend on the input")
    return math.log(spread) + scales


def _features(output: Tensor, maps: Sequence[Tensor]) -> Tensor:
    return maps[-1].clone() if maps else output


def _mean_variance(module: _BatchNorm | nn.LayerNorm, x: Tensor) -> float:
    """Mean over channels of the variance over samples and places; of a layer normalisation over its rows."""
    dims = [0, *range(2, x.dim())] if isinstance(module, _BatchNorm) else list(range(-len(module.normalized_shape), 0))
    return x.var(dim=dims, correction=0).mean().item()


def _gaussian(network: nn.Module) -> None:
    with torch.no_grad():
        for parameter in layer_weights(network):
            parameter.normal_()
        for module in network.modules():
            if isinstance(module, (_BatchNorm, nn.LayerNorm)) and module.weight is not None:
                module.weight.fill_(1.0)
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
