"""Convolutions along time: causal ones (time_conv, tcn), mixers of wide kernels, and several scales."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.ops.series.registry import register
from darts_pl.ops.series.shapes import TokenGrid


class AlongTime(nn.Module):
    """Runs a 2-D convolution with kernels of 1 x k on tokens (B, V, N, D), time as its width and series as its height.

    The view of the tokens as (B, D, V, N) is in PyTorch's channels-last layout as it lies in memory: no copies, and on
    CPUs two to three times as fast as 1-D convolutions of (B V, D, N).
    """

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → (B, V, N, D')."""
        return self.inner(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class CausalConvolution(nn.Conv2d):
    """Output n sees the inputs n, n - dilation, n - 2 dilation, ... and zeros before the first."""

    def __init__(self, dim: int, kernel: int, dilation: int = 1):
        super().__init__(dim, dim, (1, kernel), dilation=(1, dilation))
        self.taps, self.step = kernel, dilation

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, V, N) → the same shape."""
        taps = min(self.taps, 1 + (x.shape[-1] - 1) // self.step)  # the earlier ones would only meet zeros
        weight = self.weight if taps == self.taps else self.weight[..., -taps:]
        x = F.pad(x, ((taps - 1) * self.step, 0)) if taps > 1 else x
        return F.conv2d(x, weight, self.bias, dilation=(1, self.step))


class DepthwiseConvolution(nn.Conv2d):
    """Each of the D channels by itself along N, length kept, zeros beyond the ends."""

    def __init__(self, dim: int, kernel: int):
        super().__init__(dim, dim, (1, kernel), padding=(0, kernel // 2), groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, V, N) → the same shape."""
        if self.kernel_size == (1, 1) and self.bias is not None:  # a number a channel, (D, 1, 1)
            return torch.addcmul(self.bias.view(-1, 1, 1), x, self.weight.squeeze(-1))
        return super().forward(x)


def widest_kernel(kernel: int, tokens: int) -> int:
    """`kernel` (odd), or less where N is so short that taps beyond 2 N - 1 would only ever meet padding."""
    return min(kernel, 2 * tokens - 1)


def depthwise(grid: TokenGrid, kernel: int) -> nn.Module:
    """Convolution along N of each of the D channels by itself, length kept, zeros beyond the ends."""
    return AlongTime(DepthwiseConvolution(grid.dim, widest_kernel(kernel, grid.tokens)))


@register("time_conv", family="convolution")
def time_conv(grid: TokenGrid) -> nn.Module:
    """Causal convolution along time, kernel 3 (WaveNet, arXiv:1609.03499, section 2.1), layer normalisation and GELU.

    Kept: causality, all D channels mixed. Left out: WaveNet's dilation (see `tcn`) and its gates.
    """
    return nn.Sequential(AlongTime(CausalConvolution(grid.dim, 3)), nn.LayerNorm(grid.dim), nn.GELU())


class TemporalBlock(nn.Module):
    """Residual block of a TCN (arXiv:1803.01271, figure 1b): two dilated causal convolutions, each with a ReLU, added
    to the input, and a last ReLU."""

    def __init__(self, dim: int, kernel: int, dilation: int):
        super().__init__()
        self.layers = nn.Sequential(
            CausalConvolution(dim, kernel, dilation), nn.ReLU(), CausalConvolution(dim, kernel, dilation), nn.ReLU()
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, V, N) → the same shape."""
        return self.relu(x + self.layers(x))


@register("tcn", family="convolution")
def tcn(grid: TokenGrid) -> nn.Module:
    """Temporal convolutional network (arXiv:1803.01271, section 3): residual blocks of dilated causal convolutions,
    kernel 3, dilations 1 and 2: output n sees 13 tokens. A linear map per token follows, as the last ReLU of a block
    leaves nothing negative.

    Kept: causality, exponential dilation, the block with its residual connection. Left out: weight normalisation and
    dropout.
    """
    blocks = AlongTime(nn.Sequential(*(TemporalBlock(grid.dim, 3, dilation) for dilation in (1, 2))))
    return nn.Sequential(blocks, nn.Linear(grid.dim, grid.dim))


@register("conv_mixer", family="convolution")
class ConvMixer(nn.Module):
    """ConvMixer (arXiv:2201.09792, section 2) along time, near to ModernTCN's block (ICLR 2024): a depthwise
    convolution with a wide kernel mixes the tokens, a pointwise one mixes the channels.

        z = x + Norm(GELU(depthwise(x))),  y = Norm(GELU(pointwise(z)))

    Kept: that block, its residual connection inside. Changed: kernel 9 along time only (at most 2 N - 1), and layer
    normalisation over D for batch normalisation.
    """

    def __init__(self, grid: TokenGrid, kernel: int = 9):
        super().__init__()
        self.tokens = nn.Sequential(depthwise(grid, kernel), nn.GELU(), nn.LayerNorm(grid.dim))
        self.channels = nn.Sequential(nn.Linear(grid.dim, grid.dim), nn.GELU(), nn.LayerNorm(grid.dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        return self.channels(x + self.tokens(x))


@register("multi_scale_conv", family="convolution")
class MultiScaleConv(nn.Module):
    """Parallel convolutions of different reach (Inception, arXiv:1409.4842; the multi-scale branches of MICN, ICLR
    2023, section 3.3), merged by one linear map over all branches.

    Kept: branches of several scales side by side, merged by learned weights. Changed: depthwise kernels 3, 7 and 15
    (as many as fit into 2 N - 1) for MICN's down-sampled isometric convolutions. `scales` holds the kernels in use.
    """

    def __init__(self, grid: TokenGrid, kernels: tuple[int, ...] = (3, 7, 15)):
        super().__init__()
        self.scales = tuple(sorted({widest_kernel(kernel, grid.tokens) for kernel in kernels}))
        self.branches = nn.ModuleList(nn.Sequential(depthwise(grid, kernel), nn.GELU()) for kernel in self.scales)
        self.merge = nn.Linear(len(self.scales) * grid.dim, grid.dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        return self.merge(torch.cat([branch(x) for branch in self.branches], dim=-1))


@register("pyramid_conv", family="convolution")
class PyramidConv(nn.Module):
    """A pyramid of scales along time: strided convolutions down, and up again with a skip connection at each scale.

    Kept: the coarser-scale construction of Pyraformer (ICLR 2022, section 3.2: convolutions of kernel and stride 2),
    and its exchange between neighbouring scales. Changed: that exchange is a convolution of the repeated coarse tokens
    added to the finer ones, as in a U-Net (arXiv:1505.04597), for pyramidal attention.
    There are at most two coarser scales, of ceil(N / 2) and ceil(N / 4) tokens, and none for N = 1.
    """

    def __init__(self, grid: TokenGrid, levels: int = 2):
        super().__init__()
        levels = min(levels, grid.tokens.bit_length() - 1)
        self.down = nn.ModuleList(
            AlongTime(nn.Conv2d(grid.dim, grid.dim, (1, 2), stride=(1, 2))) for _ in range(levels)
        )
        self.up = nn.ModuleList(AlongTime(nn.Conv2d(grid.dim, grid.dim, (1, 3), padding=(0, 1))) for _ in range(levels))
        self.activation = nn.GELU()
        self.mix = nn.Linear(grid.dim, grid.dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        scales = [x]
        for down in self.down:
            finest = scales[-1]
            if finest.shape[2] % 2:
                finest = torch.cat([finest, finest[:, :, -1:]], dim=2)
            scales.append(self.activation(down(finest)))
        y = scales.pop()
        for up in reversed(self.up):
            finer = scales.pop()
            y = finer + up(y.repeat_interleave(2, dim=2)[:, :, : finer.shape[2]])
        return self.mix(y)
