"""Convolutions as they are fast on CPUs: the same sums as `torch.nn.functional.conv2d`."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from darts_pl.engine.wanted import is_wanted

FAST_WIDTH = 3  # filters of up to so many columns have a fast gradient in oneDNN


class WideDepthwise(torch.autograd.Function):
    """A depthwise convolution whose weight gradient is made of those of filters of three columns.

    oneDNN (3.12) computes the weight gradient of a 5x5 depthwise filter ten times as slowly as that of one of 5x3. The
    columns of the gradient do not depend on each other, so they are computed by threes, on the input moved sideways.
    Differentiable twice.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        """x (B, C, H, W), weight (C, 1, k, k) with odd k > 3, zeros around → (B, C, ceil(H / s), ceil(W / s))."""
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """The gradients of x and weight by that of the output."""
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        of_x = of_weight = None
        if is_wanted(ctx, 0):
            padding = [weight.shape[-1] // 2] * 2
            of_x, _ = _gradients(gradient, x, weight, ctx.stride, padding, (True, False))
        if is_wanted(ctx, 1):
            of_weight = _weight_gradient(gradient, x, weight, ctx.stride)
        return of_x, of_weight, None


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    kernel = weight.shape[-1]
    padding = kernel // 2
    columns: list[Tensor] = []
    for start in range(0, kernel, FAST_WIDTH):
        start = min(start, kernel - FAST_WIDTH)  # the last three columns share some with those before
        # the pixels that these columns meet: from `start - padding` on, so many that the output keeps its width
        moved = F.pad(x, (padding - start, start + FAST_WIDTH - 1 - padding))
        part = weight[..., start : start + FAST_WIDTH]
        _, of_part = _gradients(gradient, moved, part, stride, [padding, 0], (False, True))
        columns.append(of_part[..., sum(each.shape[-1] for each in columns) - start :])
    return torch.cat(columns, dim=-1)


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: list[int], wanted: tuple[bool, bool]
) -> tuple[Tensor, Tensor]:
    """Those of x and weight, as far as they are `wanted`."""
    groups = weight.shape[0]
    of_x, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [stride] * 2, padding, [1, 1], False, [0, 0], groups, [*wanted, False]
    )
    return of_x, of_weight


def depthwise(x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
    """x (B, C, H, W), weight (C, 1, k, k), zeros around → (B, C, ceil(H / stride), ceil(W / stride))."""
    kernel = weight.shape[-1]
    if x.device.type == "cpu" and kernel > FAST_WIDTH and dilation == 1 and not torch.is_autocast_enabled("cpu"):
        wide: Tensor = WideDepthwise.apply(x, weight, stride)
        return wide
    return F.conv2d(x, weight, None, stride, dilation * (kernel // 2), dilation, x.shape[1])


def pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """x (B, C_in, H, W), weight (C_out, C_in, 1, 1) → (B, C_out, H, W); on CPUs in channels-last memory one product of
    matrices, which is faster than a small convolution."""
    if x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last):
        return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1)).permute(0, 3, 1, 2)
    return F.conv2d(x, weight)
