"""Linear filters on a transform of the series: learned weights between Fourier modes or wavelet coefficients."""

import math

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.ops.series.registry import register
from darts_pl.ops.series.shapes import TokenGrid


def transformable(x: Tensor) -> Tensor:
    """`x` in at least float32: transforms of half precision are either missing or too coarse."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


@register("fourier", family="spectral")
class Fourier(nn.Module):
    """Frequency enhanced block of FEDformer (arXiv:2201.12740, section 3.2, FEB-f), a Fourier layer (FNO,
    arXiv:2010.08895, equation 4): F^-1(R_m F(x)_m) with a complex D x D matrix R_m for each kept mode m of N.

    Kept: transform, matrices, zeros in the other modes. Changed: the lowest modes are kept, as in FNO, where FEDformer
    draws them at random. `weight` [2, M, D, D] holds real and imaginary parts as reals (input channel before output
    channel), so that optimisers, casts and model files need know nothing of complex numbers. M = min(16, N // 2 + 1).
    """

    def __init__(self, grid: TokenGrid, modes: int = 16):
        super().__init__()
        self.modes = min(modes, grid.tokens // 2 + 1)
        self.weight = nn.Parameter(torch.randn(2, self.modes, grid.dim, grid.dim) / math.sqrt(2 * grid.dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        signal = transformable(x)
        if x.shape[2] == 1:  # a token is its own spectrum, and of a spectrum of one mode the real part counts
            return (signal @ self.weight[0, 0].to(signal.dtype)).to(x.dtype)
        spectrum = torch.fft.rfft(signal, dim=2)[:, :, : self.modes]
        weight = self.weight.to(signal.dtype)
        filtered = torch.einsum("bvmd,mde->bvme", spectrum, torch.complex(weight[0], weight[1]))
        return torch.fft.irfft(filtered, n=x.shape[2], dim=2).to(x.dtype)  # pads the modes left out with zeros


@register("wavelet", family="spectral")
class Wavelet(nn.Module):
    """Filter in the wavelet domain (wavelet neural operator, arXiv:2205.02191, section 3; FEDformer's FEB-w,
    arXiv:2201.12740, section 3.3): a discrete wavelet transform along N, a learned D x D matrix on the coefficients of
    each level, the inverse transform.

    Kept: a real multi-level transform (ptwt) with separate weights for the approximation and every detail level.
    Changed: Daubechies-2 wavelets for FEDformer's Legendre multiwavelets, symmetric extension at the ends, all levels
    weighted; no nonlinearity. `weight` [L + 1, D, D] (input channel before output channel): the approximation, then
    details from coarse to fine, as `ptwt.wavedec` orders them. L is 3, or less where N is short, and at least 1.

    Raises:
        ConfigError: ptwt is not installed.
    """

    wavelet = "db2"
    analysis: Tensor
    synthesis: Tensor

    def __init__(self, grid: TokenGrid, levels: int = 3):
        super().__init__()
        self.levels = max(1, min(levels, grid.tokens.bit_length() - 2))
        analysis, synthesis, self.lengths = wavelet_matrices(grid.tokens, self.wavelet, self.levels)
        # in the default type, not float64, which not every device has
        self.register_buffer("analysis", analysis.to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("synthesis", synthesis.to(torch.get_default_dtype()), persistent=False)
        self.weight = nn.Parameter(torch.randn(self.levels + 1, grid.dim, grid.dim) / math.sqrt(grid.dim))

    def coefficients(self, x: Tensor) -> tuple[Tensor, ...]:
        """Coefficients of x (R, D, N) by level, each (R, D, n): the approximation, then details from coarse to fine."""
        return (x @ self.analysis.to(x.dtype)).split(self.lengths, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, N, D) → the same shape."""
        if x.shape[2] == 1:
            signal = transformable(x)
            return (signal @ self._joint_weight().to(signal.dtype)).to(x.dtype)
        rows = transformable(x).flatten(0, 1).transpose(1, 2)
        # weights (D, D) a level on coefficients (R, D, n)
        weighted = [
            weight.to(level.dtype).T @ level
            for level, weight in zip(self.coefficients(rows), self.weight.unbind(), strict=True)
        ]
        y = torch.cat(weighted, dim=-1) @ self.synthesis.to(rows.dtype)
        return y.transpose(1, 2).unflatten(0, x.shape[:2]).to(x.dtype)

    def _joint_weight(self) -> Tensor:
        """For one token, (D, D): the levels' matrices by the share of each level in it, as transforms are numbers."""
        shares = torch.stack([part.sum() for part in (self.analysis[0] * self.synthesis[:, 0]).split(self.lengths)])
        return (shares.to(self.weight.dtype).view(-1, 1, 1) * self.weight).sum(dim=0)


def wavelet_matrices(tokens: int, wavelet: str, levels: int) -> tuple[Tensor, Tensor, list[int]]:
    """ptwt's transform of N tokens and its inverse as matrices: both are linear, and a product with a matrix of this
    size is several times faster than the many short convolutions that it stands for.

    Returns:
        analysis: float64 [N, M], coefficients = x @ analysis, level after level.
        synthesis: float64 [M, N], x = coefficients @ synthesis.
        lengths: coefficients of each level, M in all.

    Raises:
        ConfigError: ptwt is not installed.
    """
    try:
        import ptwt
    except ImportError as error:
        raise ConfigError(
            "operation 'wavelet' needs the package ptwt, which is not installed. Install it with "
            "pip install 'darts_pl[forecasting]', or leave 'wavelet' out of the operations"
        ) from error
    by_level = ptwt.wavedec(torch.eye(tokens, dtype=torch.float64), wavelet, mode="symmetric", level=levels)
    lengths = [level.shape[-1] for level in by_level]
    units = torch.eye(sum(lengths), dtype=torch.float64)
    synthesis = ptwt.waverec(list(units.split(lengths, dim=1)), wavelet)
    return torch.cat(by_level, dim=1), synthesis[:, :tokens], lengths  # ptwt returns one token more where N is odd
