"""Primitives for images: name → builder `(channels, stride, affine) -> nn.Module` for (B, C, H, W) → (B, C, H', W').

H' = ceil(H / stride), odd sizes included. The eight primitives of DARTS (arXiv:1806.09055, section 3.1.1, and the
released code), the two that NASNet and AmoebaNet add, and the ordinary convolutions of NAS-Bench-201
(arXiv:2001.00326, section 2.1). `affine` says whether batch normalisation learns a scale and
shift: off while searching, so that an operation cannot rescale its own gate, on when a network is trained from scratch.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.errors import ConfigError, nearest
from darts_pl.ops.strided import slice_narrow_strides

Builder = Callable[[int, int, bool], nn.Module]

PRIMITIVES = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


class Zero(nn.Module):
    """The `none` primitive: no connection."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → zeros (B, C, ceil(H / stride), ceil(W / stride))."""
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


class Skip(nn.Identity):
    """The identity of a supernet. In train mode it zeroes values with probability `rate`, which a rule of the search
    may set (P-DARTS, arXiv:1904.12760, section 3.3); 0 leaves it an identity."""

    rate = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same shape."""
        return F.dropout(x, self.rate, self.training) if self.rate else x


class ReLUConvBN(nn.Sequential):
    """ReLU, convolution and batch normalisation, size kept: brings a cell's input to the cell's channel count."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, padding: int, affine: bool):
        super().__init__()
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, affine=affine)
        slice_narrow_strides(self)


class FactorizedReduce(nn.Module):
    """Halves height and width by two 1x1 convolutions on the even and the odd positions, side by side in channels.

    The original needs even sizes and channels; here an odd map gets one row or column of zeros, and an odd channel
    count gives the first half one channel more.
    """

    def __init__(self, channels_in: int, channels_out: int, affine: bool):
        super().__init__()
        second = channels_out // 2
        self.conv_1 = nn.Conv2d(channels_in, channels_out - second, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(channels_in, second, 1, stride=2, bias=False) if second else None
        self.bn = nn.BatchNorm2d(channels_out, affine=affine)
        slice_narrow_strides(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) → (B, C_out, ceil(H / 2), ceil(W / 2))."""
        return self.bn(self.halves(F.relu(x)))

    def halves(self, x: Tensor) -> Tensor:
        """The convolutions alone, side by side: (B, C_in, H, W) → (B, C_out, ceil(H / 2), ceil(W / 2))."""
        height, width = x.shape[-2:]
        if height % 2 or width % 2:
            x = F.pad(x, (0, width % 2, 0, height % 2))
        parts = [self.conv_1(x)]
        if self.conv_2 is not None:
            parts.append(self.conv_2(x[:, :, 1:, 1:]))
        return torch.cat(parts, dim=1)


def _relu_depthwise_stage(channels: int, kernel: int, stride: int, dilation: int, affine: bool) -> list[nn.Module]:
    padding = dilation * (kernel - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    ]


def separable(kernel: int) -> Builder:
    """ReLU, depthwise, pointwise and batch normalisation, twice; the stride is in the first depthwise convolution."""

    def build(channels: int, stride: int, affine: bool) -> nn.Module:
        first = _relu_depthwise_stage(channels, kernel, stride, 1, affine)
        return nn.Sequential(*first, *_relu_depthwise_stage(channels, kernel, 1, 1, affine))

    return build


def dilated(kernel: int) -> Builder:
    """ReLU, depthwise convolution of dilation 2, pointwise convolution and batch normalisation."""
    return lambda channels, stride, affine: nn.Sequential(*_relu_depthwise_stage(channels, kernel, stride, 2, affine))


def convolution(kernel: int) -> Builder:
    """ReLU, an ordinary convolution and batch normalisation."""
    return lambda channels, stride, affine: ReLUConvBN(channels, channels, kernel, stride, kernel // 2, affine)


def conv_7x1_1x7(channels: int, stride: int, affine: bool) -> nn.Module:
    """ReLU, a 1x7 and a 7x1 convolution, batch normalisation (AmoebaNet, arXiv:1802.01548)."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, (1, 7), (1, stride), (0, 3), bias=False),
        nn.Conv2d(channels, channels, (7, 1), (stride, 1), (3, 0), bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    )


def skip_connect(channels: int, stride: int, affine: bool) -> nn.Module:
    """The identity, or `FactorizedReduce` where the stride is 2."""
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)


OPERATIONS: dict[str, Builder] = {
    "none": lambda channels, stride, affine: Zero(stride),
    "max_pool_3x3": lambda channels, stride, affine: nn.MaxPool2d(3, stride, 1),
    "avg_pool_3x3": lambda channels, stride, affine: nn.AvgPool2d(3, stride, 1, count_include_pad=False),
    "skip_connect": skip_connect,
    "sep_conv_3x3": separable(3),
    "sep_conv_5x5": separable(5),
    "sep_conv_7x7": separable(7),
    "dil_conv_3x3": dilated(3),
    "dil_conv_5x5": dilated(5),
    "conv_7x1_1x7": conv_7x1_1x7,
    "nor_conv_1x1": convolution(1),
    "nor_conv_3x3": convolution(3),
}


def _built(name: str, builder: Builder, channels: int, stride: int, affine: bool) -> nn.Module:
    expected = f"space.operations.{name}: expected what builds a module of (channels, stride, affine)"
    try:
        module = builder(channels, stride, affine)
    except TypeError as error:  # most often a builder of other arguments
        raise ConfigError(f"{expected}: {error}") from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{expected}, found {module!r}")
    return module


def build(
    name: str,
    channels: int,
    stride: int,
    *,
    affine: bool,
    searching: bool,
    operations: Mapping[str, Builder],
    normalized_pooling: bool = True,
) -> nn.Module:
    """Build the operation `name`; while searching a pooling gets a batch normalisation (released DARTS code) unless
    `normalized_pooling` is false, so that all candidates of a mixed operation have outputs of one scale, and an
    identity becomes a `Skip`.

    Raises:
        ConfigError: `name` is in no table of operations, or its builder does not build a module.
    """
    if name not in operations:
        raise ConfigError(f"primitive {name!r} is not a known operation. {nearest(name, operations)}")
    operation = _built(name, operations[name], channels, stride, affine)
    if searching and normalized_pooling and isinstance(operation, (nn.MaxPool2d, nn.AvgPool2d)):
        operation = nn.Sequential(operation, nn.BatchNorm2d(channels, affine=affine))
    if searching and type(operation) is nn.Identity:
        operation = Skip()
    return operation
