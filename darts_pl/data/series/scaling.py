"""Standardising by the training rows, and back."""

from collections.abc import Sequence
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
        fitted = StandardScaler().fit(values)
        return cls(fitted.mean_, fitted.scale_)

    def transform(self, values: Floats) -> Floats:
        """Standardised values [..., channels]."""
        return (values - self.mean) / self.std

    def inverse(self, values: Floats | Tensor) -> Floats | Tensor:
        """Values [..., channels] on the original scale, of the kind that was given: a tensor keeps its dtype and
        device, an array becomes float64."""
        if isinstance(values, Tensor):
            mean, std = (torch.as_tensor(part, dtype=values.dtype, device=values.device) for part in self.parts)
            return values * std + mean
        return np.asarray(values, np.float64) * self.std + self.mean

    @property
    def parts(self) -> tuple[Floats, Floats]:
        """(mean, std)."""
        return self.mean, self.std

    def to_dict(self) -> dict[str, list[float]]:
        """What `from_dict` reads, as JSON can write it; floats survive exactly."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_dict(cls, stored: dict[str, Sequence[float]]) -> "Scaler":
        """The scaler that `to_dict` wrote."""
        return cls(np.asarray(stored["mean"], np.float64), np.asarray(stored["std"], np.float64))
