"""What the parts of a forecasting network are built for: the windows of a series, and the grid of its tokens."""

from dataclasses import dataclass

from darts_pl.errors import ConfigError


@dataclass(frozen=True)
class SeriesShape:
    """The windows of a forecasting problem, as a data module tells a space.

    Args:
        look_back: T, time steps that are seen. horizon: P, time steps to forecast; any ratio of the two.
        targets: Y, channels to forecast. past_covariates: channels seen up to now but not forecast.
        known_future: F, features known over the horizon too, calendar features among them.

    Raises:
        ConfigError: a size below what makes sense.
    """

    look_back: int
    horizon: int
    targets: int
    past_covariates: int = 0
    known_future: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("look_back", 1),
            ("horizon", 1),
            ("targets", 1),
            ("past_covariates", 0),
            ("known_future", 0),
        ):
            if getattr(self, name) < least:
                raise ConfigError(f"{name}={getattr(self, name)}: expected at least {least}")

    @property
    def channels(self) -> int:
        """Channels of `x["past"]`: targets, then past covariates."""
        return self.targets + self.past_covariates


@dataclass(frozen=True)
class TokenGrid:
    """The grid (B, V, N, D) of tokens that an operation maps onto itself.

    Args:
        series: V, series side by side: the channels where each has tokens of its own, 1 where a token holds them all.
        tokens: N, tokens along the time of a series; 1 where a token is a whole series.
        dim: D, width of a token.
    """

    series: int
    tokens: int
    dim: int
