"""Primitives of 1-D convolution cells on texts: states (B, C, T) and a mask bool (B, 1, T) to states (B, C, T).

Places of padding are zero before and after every convolution, and pooling leaves them out, so that what a text gives
does not depend on how far its batch is padded.
"""

import inspect
from collections.abc import Mapping

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.ops.image import Builder


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of every place: nothing of padding or of other texts enters."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) → (B, C, T)."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class MaskedZero(nn.Module):
    """`none`: zeros."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T) → zeros (B, C, T)."""
        return torch.zeros_like(x)


class MaskedSkip(nn.Identity):
    """The input as it is."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, C, T) → (B, C, T)."""
        return x


class MaxPool(nn.Module):
    """The largest of each place and its two neighbours, padding left out."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T) → (B, C, T)."""
        least = torch.finfo(x.dtype).min
        return F.max_pool1d(x.masked_fill(~mask, least), 3, stride=1, padding=1) * mask


class AveragePool(nn.Module):
    """The mean of each place and its neighbours that are no padding."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T) → (B, C, T)."""
        there = mask.to(x.dtype)
        count = F.avg_pool1d(there, 3, stride=1, padding=1)
        return F.avg_pool1d(x * there, 3, stride=1, padding=1) / count.clamp_min(1 / 3) * there


class Convolutions(nn.Module):
    """ReLU, convolution and normalisation, once or more, masked each time.

    Args:
        channels: C. kernels, dilations: of each convolution. separable: depthwise, then pointwise (as `sep_conv` and
            `dil_conv` of DARTS, arXiv:1806.09055, section 3.1.1).
    """

    def __init__(self, channels: int, kernel: int, dilation: int, times: int, separable: bool, affine: bool):
        super().__init__()
        self.convolutions = nn.ModuleList(
            _convolution(channels, kernel, dilation, separable, affine) for _ in range(times)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T) → (B, C, T)."""
        for convolution in self.convolutions:
            x = convolution(F.relu(x)) * mask
        return x


def _convolution(channels: int, kernel: int, dilation: int, separable: bool, affine: bool) -> nn.Module:
    padding = dilation * (kernel - 1) // 2
    groups = channels if separable else 1
    first = nn.Conv1d(channels, channels, kernel, padding=padding, dilation=dilation, groups=groups, bias=False)
    pointwise = [nn.Conv1d(channels, channels, 1, bias=False)] if separable else []
    return nn.Sequential(first, *pointwise, ChannelNorm(channels, elementwise_affine=affine))


class MaskedOutput(nn.Module):
    """An operation that knows of no mask, its output masked."""

    def __init__(self, operation: nn.Module):
        super().__init__()
        self.operation = operation

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, C, T) → (B, C, T)."""
        return self.operation(x) * mask


def masked_builder(build: Builder) -> Builder:
    """A user's builder, of whose operations those that take no mask get their outputs masked."""
    return lambda channels, stride, affine: masked(build(channels, stride, affine))


def masked(operation: nn.Module) -> nn.Module:
    """A user's operation as one of (x, mask): as it is where its `forward` takes two inputs, else with its output
    masked."""
    # Somebody's own module: nothing but its signature says whether it takes the mask.
    parameters = inspect.signature(operation.forward).parameters.values()
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return operation if several or len(places) > 1 else MaskedOutput(operation)


def _separable(kernel: int) -> Builder:
    return lambda channels, stride, affine: Convolutions(channels, kernel, 1, 2, True, affine)


def _dilated(kernel: int) -> Builder:
    return lambda channels, stride, affine: Convolutions(channels, kernel, 2, 1, True, affine)


OPERATIONS: Mapping[str, Builder] = {
    "none": lambda channels, stride, affine: MaskedZero(),
    "max_pool_3": lambda channels, stride, affine: MaxPool(),
    "avg_pool_3": lambda channels, stride, affine: AveragePool(),
    "skip_connect": lambda channels, stride, affine: MaskedSkip(),
    "sep_conv_3": _separable(3),
    "sep_conv_5": _separable(5),
    "sep_conv_7": _separable(7),
    "dil_conv_3": _dilated(3),
    "dil_conv_5": _dilated(5),
    "conv_block_7": lambda channels, stride, affine: Convolutions(channels, 7, 1, 1, False, affine),
}
PRIMITIVES = tuple(OPERATIONS)
