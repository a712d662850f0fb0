"""Normalisations of a window, each a pair (shift, scale) by which it can be undone.

The network sees x' = (x - shift) / scale, and its forecast ŷ' is taken back by ŷ = ŷ' · scale + shift. Both are
computed for every window and channel from the look-back alone. A mixture of normalisations mixes shifts and scales:
mixtures of normalised windows could not be undone.
"""

import torch
import torch.nn as nn
from torch import Tensor

EPSILON = 1e-5  # as released RevIN; added to variances of standardised series
IQR_OF_NORMAL = 1.3489795  # interquartile range of a standard normal variable


class Statistics(nn.Module):
    """Base: a subclass defines `statistics`."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def statistics(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) → shift and scale, each (B, 1, C)."""
        raise NotImplementedError(f"{type(self).__name__} must define statistics(past)")

    def forward(self, past: Tensor) -> Tensor:
        """(B, T, C) → (2, B, 1, C): shift, then scale."""
        return torch.stack(self.statistics(past))

    def linear_form(self, past: Tensor) -> Tensor:
        """Shift 0 and scale 1, what SynFlow takes in its place: without normalisation."""
        return torch.stack([torch.zeros_like(past[:, :1]), torch.ones_like(past[:, :1])])


class Standard(Statistics):
    """Mean and standard deviation of the window (the non-affine form of RevIN; also Liu et al., arXiv:2205.14415)."""

    def statistics(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """See `Statistics.statistics`."""
        mean = past.mean(dim=1, keepdim=True)
        return mean, (past.var(dim=1, keepdim=True, unbiased=False) + EPSILON).sqrt()


class RevIN(Standard):
    """Reversible instance normalisation (Kim et al., ICLR 2022, equations 1 to 4): x' = γ (x - mean) / std + β.

    As a pair: scale = std / γ, shift = mean - β · scale. The released code learns γ itself and divides by γ + ε² on the
    way back, which does not undo the first step; here γ = exp(log_gamma) is positive and the way back is exact.
    """

    def __init__(self, channels: int):
        super().__init__(channels)
        self.log_gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def statistics(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """See `Statistics.statistics`."""
        mean, deviation = super().statistics(past)
        scale = deviation * torch.exp(-self.log_gamma)
        return mean - self.beta * scale, scale


class Last(Statistics):
    """The last value is subtracted (NLinear: Zeng et al., arXiv:2205.13504, section 4)."""

    def statistics(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """See `Statistics.statistics`."""
        shift = past[:, -1:]
        return shift, torch.ones_like(shift)


class Mean(Statistics):
    """The window's mean is subtracted."""

    def statistics(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """See `Statistics.statistics`."""
        shift = past.mean(dim=1, keepdim=True)
        return shift, torch.ones_like(shift)


class Robust(Statistics):
    """Median and interquartile range, the latter in units of a normal variable's standard deviation."""

    def statistics(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """See `Statistics.statistics`."""
        at = past.new_tensor([0.25, 0.5, 0.75])
        low, median, high = torch.quantile(past, at, dim=1, keepdim=True)
        return median, (((high - low) / IQR_OF_NORMAL).square() + EPSILON).sqrt()


class NoNormalization(Statistics):
    """Shift 0 and scale 1."""

    def statistics(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """See `Statistics.statistics`."""
        shift = torch.zeros_like(past[:, :1])
        return shift, torch.ones_like(shift)


NORMALIZATIONS = {
    "revin": RevIN,
    "standard": Standard,
    "last": Last,
    "mean": Mean,
    "robust": Robust,
    "none": NoNormalization,
}
