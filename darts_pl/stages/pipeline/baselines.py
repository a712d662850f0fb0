"""What a found forecaster is compared with: naive forecasts, and linear maps over time trained in the same run."""

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError, nearest
from darts_pl.ops.series import SeriesShape

KERNEL = 25  # of the moving average, as published


class SeasonalNaive(nn.Module):
    """The value of one season before, the last season repeated over the horizon; a season of 1 repeats the last value.

    Args:
        season: in steps, no longer than the look-back.

    Raises:
        ConfigError: a season longer than the look-back.
    """

    places: Tensor

    def __init__(self, shape: SeriesShape, season: int):
        super().__init__()
        if season > shape.look_back:
            raise ConfigError(f"a season of {season} steps does not fit a look-back of {shape.look_back}")
        steps = torch.arange(shape.horizon) % season
        self.register_buffer("places", shape.look_back - season + steps)
        self.targets = shape.targets

    def forward(self, x: dict[str, Tensor]) -> Tensor:
        """past (B, T, C) → (B, P, Y)."""
        return x["past"][:, self.places, : self.targets]


class _Linear(nn.Module):
    """What both linear baselines share with derived networks."""

    drop_path_probability = 0.0

    def forward_with_auxiliary(self, x: dict[str, Tensor]) -> tuple[Tensor, None]:
        """The forecast, and no auxiliary output."""
        return self(x), None

    def count_parameters(self) -> int:
        """Trained numbers."""
        return sum(p.numel() for p in self.parameters())


class NLinear(_Linear):
    """The last value taken off, one linear map from the look-back to the horizon shared by all targets, the last value
    put back (A. Zeng et al., arXiv:2205.13504, section 4)."""

    def __init__(self, shape: SeriesShape):
        super().__init__()
        self.targets, self.map = shape.targets, nn.Linear(shape.look_back, shape.horizon)

    def forward(self, x: dict[str, Tensor]) -> Tensor:
        """past (B, T, C) → (B, P, Y)."""
        past = x["past"][..., : self.targets]
        last = past[:, -1:]  # [B, 1, Y]
        return self.map((past - last).transpose(1, 2)).transpose(1, 2) + last


class DLinear(_Linear):
    """Trend, a moving average of 25 steps with the ends repeated, and remainder, each by a linear map over time shared
    by all targets (arXiv:2205.13504, section 4). Both maps begin as the mean of the look-back, as in the released
    code."""

    def __init__(self, shape: SeriesShape):
        super().__init__()
        self.targets = shape.targets
        self.average = nn.Sequential(
            nn.ReplicationPad1d(((KERNEL - 1) // 2, KERNEL // 2)), nn.AvgPool1d(KERNEL, stride=1)
        )
        self.trend, self.remainder = (nn.Linear(shape.look_back, shape.horizon) for _ in range(2))
        for part in (self.trend, self.remainder):
            nn.init.constant_(part.weight, 1 / shape.look_back)

    def forward(self, x: dict[str, Tensor]) -> Tensor:
        """past (B, T, C) → (B, P, Y)."""
        past = x["past"][..., : self.targets].transpose(1, 2)  # [B, Y, T]
        trend = self.average(past)
        return (self.trend(trend) + self.remainder(past - trend)).transpose(1, 2)


LAST_VALUE, SEASONAL_NAIVE = "last value", "seasonal naive"
TRAINED = {"nlinear": NLinear, "dlinear": DLinear}
BASELINES = (LAST_VALUE, SEASONAL_NAIVE, *TRAINED)


def baseline(name: str, shape: SeriesShape, season: int) -> nn.Module:
    """The baseline of this name, untrained.

    Raises:
        ConfigError: an unknown name; a season longer than the look-back.
    """
    if name not in BASELINES:
        raise ConfigError(f"final.baselines: {name!r} does not exist. {nearest(name, BASELINES)}")
    return TRAINED[name](shape) if name in TRAINED else SeasonalNaive(shape, 1 if name == LAST_VALUE else season)
