"""Standardising by the training rows, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scaler:
    """(value − mean) / std for each channel.

    Attributes:
        mean, std: float64 [channels]; std is the population's (divided by n), 1 for a channel of one value.
    """

    mean: Floats
    std: Floats

    @classmethod
    def fit(cls, values: Floats, scaling: str = "standard") -> "Scaler":
        """Of `values` [rows, channels]; "none" leaves values as they are."""
        channels = values.shape[1]
        if scaling == "none" or not channels:
            return cls(np.zeros(channels), np.ones(channels))
        first = values[0]
        size = np.abs(values - first).max(axis=0)
        size[size == 0] = 1.0
        # near 1e12 a sum of the values loses their swing, and squares of very small ones vanish
        fitted = StandardScaler().fit((values - first) / size)
        return cls(first + size * fitted.mean_, size * fitted.scale_)

    def transform(self, values: Floats) -> Floats:
        """Standardised values [..., channels]."""
        return (values - self.mean) / self.std

    def inverse(self, values: Floats | Tensor) -> Floats | Tensor:
        """Values [..., channels] on the original scale in float64, a tensor or an array as was given: float32 holds a
        swing of 50 around ten million in steps of 1."""
        if isinstance(values, Tensor):
            values = in_float64(values)
            mean, std = (torch.as_tensor(part, device=values.device) for part in (self.mean, self.std))
            return values * std + mean
        return np.asarray(values, np.float64) * self.std + self.mean

    @classmethod
    def joined(cls, *scalers: "Scaler") -> "Scaler":
        """That of the channels of several, one after the other."""
        mean, std = (np.concatenate(parts) for parts in zip(*((each.mean, each.std) for each in scalers)))
        return cls(mean, std)

    def to_plain(self) -> dict[str, list[float]]:
        """What `from_plain` reads, as JSON can write it; floats survive exactly."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_plain(cls, stored: Mapping[str, Sequence[float]]) -> "Scaler":
        """The scaler that `to_plain` wrote."""
        return cls(np.asarray(stored["mean"], np.float64), np.asarray(stored["std"], np.float64))


def in_float64(values: Tensor) -> Tensor:
    """`values` in float64, on the CPU where their device has none."""
    values = values.contiguous()  # torch.export cannot tell the strides of a view that changes its type
    return values.cpu().double() if values.device.type == "mps" else values.double()
