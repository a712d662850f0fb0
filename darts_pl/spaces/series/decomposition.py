"""Decompositions of a window into a trend and what remains: each gives the trend, (B, T, C) → (B, T, C)."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.ops.series.spectral import transformable

KERNEL = 25  # time steps, of DLinear and Autoformer
KERNELS = (7, 25, 49)
SEASONAL_FREQUENCIES = 5


class MovingAverage(nn.Module):
    """The centred moving average over `kernel` (odd) time steps, the ends repeated (Autoformer: Wu et al.,
    arXiv:2106.13008, equation 1)."""

    def __init__(self, kernel: int = KERNEL):
        super().__init__()
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → the trend, (B, T, C)."""
        half = self.kernel // 2
        padded = F.pad(x.transpose(1, 2), (half, half), mode="replicate")
        return F.avg_pool1d(padded, self.kernel, stride=1).transpose(1, 2)


class SeveralAverages(nn.Module):
    """Moving averages over several kernels, at each point weighed by softmax(w · x + b) (FEDformer: Zhou et al.,
    arXiv:2201.12740, equation 6)."""

    def __init__(self, kernels: tuple[int, ...] = KERNELS):
        super().__init__()
        self.averages = nn.ModuleList(MovingAverage(kernel) for kernel in kernels)
        self.weigh = nn.Linear(1, len(kernels))
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → the trend, (B, T, C)."""
        trends = torch.stack([average(x) for average in self.averages], dim=-1)
        return (trends * self.softmax(self.weigh(x.unsqueeze(-1)))).sum(dim=-1)


class Fourier(nn.Module):
    """What is left without the strongest frequencies other than 0, found for each window and channel (as the
    DFT decomposition of TimeMixer: Wang et al., arXiv:2405.14616; the released code compares all frequencies with the
    weakest of the strongest of the whole batch)."""

    def __init__(self, frequencies: int = SEASONAL_FREQUENCIES):
        super().__init__()
        self.frequencies = frequencies

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → the trend, (B, T, C)."""
        spectrum = torch.fft.rfft(transformable(x), dim=1)
        amplitude = spectrum.detach().abs()[:, 1:]
        strongest = amplitude.topk(min(self.frequencies, amplitude.shape[1]), dim=1).indices + 1
        seasonal = torch.zeros_like(spectrum.real).scatter(1, strongest, 1.0)
        return torch.fft.irfft(spectrum * (1 - seasonal), n=x.shape[1], dim=1).to(x.dtype)


def linear_map(look_back: int, horizon: int, *, bias: bool) -> nn.Linear:
    """A linear map over time, shared by all channels, that begins near the mean of the look-back."""
    linear = nn.Linear(look_back, horizon, bias=bias)
    with torch.no_grad():
        linear.weight.div_(math.sqrt(look_back)).add_(1 / look_back)
    return linear


DECOMPOSITIONS = {"moving_average": MovingAverage, "multi": SeveralAverages, "dft": Fourier}
