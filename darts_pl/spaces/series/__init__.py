"""Forecasting networks: a space over operations, normalisation, tokens, attention and more, in four modes."""

from darts_pl.spaces.series.network import SeriesNetwork, SeriesSupernet
from darts_pl.spaces.series.space import SeriesSpace

__all__ = ["SeriesNetwork", "SeriesSpace", "SeriesSupernet"]
