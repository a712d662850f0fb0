"""1x1 convolutions of few channels and a stride above 1, run as a slice and a stride of 1.

oneDNN 3.12 (torch 2.13) corrupts the heap in their backward pass, on processors with AVX2 and without AVX-512, in
channels-last memory: it writes whole vectors of 8 floats where a pixel has fewer channels. Taking every s-th pixel
first gives the same numbers on every processor. It is done on all of them, so that one seed has one result.
"""

from typing import TypeVar

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

Network = TypeVar("Network", bound=nn.Module)

VECTOR = 8  # floats in a register of AVX2


class SlicedPointwise(nn.Conv2d):
    """A 1x1 convolution of stride s that takes every s-th pixel and then has a stride of 1; the same state dict."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) or (C_in, H, W) → (B, C_out, ceil(H / s), ceil(W / s)), s by height and width."""
        rows, columns = self.stride
        return F.conv2d(x[..., ::rows, ::columns], self.weight, self.bias)


def slice_narrow_strides(network: nn.Module) -> nn.Module:
    """Make every narrow, strided 1x1 `nn.Conv2d` in `network` a `SlicedPointwise`, in place; returns `network`.

    The modules, their weights and attributes stay the same objects: only their class changes, as that of torch's lazy
    modules does.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and _corrupts(module):
            module.__class__ = SlicedPointwise
    return network


def in_memory_layout(network: Network, channels_last: bool) -> Network:
    """`network` itself, its weights (O, I, H, W) with channels innermost where `channels_last`, and safe to run so."""
    slice_narrow_strides(network)
    if channels_last:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub leaves it out
    return network


def may_corrupt(network: nn.Module) -> bool:
    """Whether `network` may convolve with narrow 1x1 weights in ways that `slice_narrow_strides` does not change:
    weights (_, fewer than 8, 1, 1) that belong to a transposed convolution, to a class derived from `nn.Conv2d` or to a
    module that calls the function. In contiguous memory they do no harm."""
    owned = {id(m.weight) for m in network.modules() if isinstance(m, nn.Conv2d) and not _unknown(m)}
    return any(_narrow(weight) and id(weight) not in owned for weight in network.parameters())


def _narrow(weight: Tensor) -> bool:
    return weight.dim() == 4 and tuple(weight.shape[2:]) == (1, 1) and weight.shape[1] < VECTOR


def _corrupts(module: nn.Conv2d) -> bool:
    unpadded = module.padding in ((0, 0), "valid", "same")
    return _narrow(module.weight) and module.groups == 1 and unpadded and max(module.stride) > 1


def _unknown(module: nn.Conv2d) -> bool:
    """Whether what the convolution does is decided elsewhere: in a derived class, by a parametrization."""
    return type(module) not in (nn.Conv2d, SlicedPointwise) and _corrupts(module)
