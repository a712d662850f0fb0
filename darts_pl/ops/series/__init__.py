"""Candidate operations on time series by family, and the shapes that they are built for.

Importing this package fills `OPERATIONS` and `FAMILIES` with the operations of the files beside it.
"""

from darts_pl.ops.series import attention, convolution, decomposition, nbeats, pointwise, spectral, times_net
from darts_pl.ops.series.registry import FAMILIES, OPERATIONS, Builder, build, register
from darts_pl.ops.series.shapes import SeriesShape, TokenGrid

__all__ = [
    "FAMILIES",
    "OPERATIONS",
    "Builder",
    "SeriesShape",
    "TokenGrid",
    "attention",
    "build",
    "convolution",
    "decomposition",
    "nbeats",
    "pointwise",
    "register",
    "spectral",
    "times_net",
]
