"""Convolutions of dilation 2 as convolutions of dilation 1 on every second pixel.

oneDNN has no fast backward pass for dilated depthwise convolutions: on CPUs that of a 5x5 filter took 5 to 20 times as
long as without dilation. Pixels of even and of odd rows and columns never meet in such a filter, so that they can be
laid apart, four maps of a quarter of the size, and back again behind the sum of all that is computed on them.
"""

import torch
from torch import Tensor


def apart(x: Tensor) -> Tensor:
    """(B, C, H, W), H and W even → (4B, C, H / 2, W / 2) in channels-last memory: first the pixels of even rows and
    columns of all images, last those of odd ones."""
    b, c, h, w = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(b, h // 2, 2, w // 2, 2, c)
    return pixels.permute(2, 4, 0, 1, 3, 5).reshape(4 * b, h // 2, w // 2, c).permute(0, 3, 1, 2)


def together(x: Tensor) -> Tensor:
    """The inverse of `apart`: (4B, C, H / 2, W / 2) → (B, C, H, W)."""
    b, c, h, w = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(2, 2, b // 4, h, w, c)
    return pixels.permute(2, 3, 0, 4, 1, 5).reshape(b // 4, 2 * h, 2 * w, c).permute(0, 3, 1, 2)


def first(x: Tensor) -> Tensor:
    """The pixels of even rows and columns: (B, C, H, W) → (B, C, ceil(H / 2), ceil(W / 2)). All that a convolution of
    dilation 2 and stride 2 reads."""
    return x[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)
