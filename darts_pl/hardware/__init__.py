"""The machine a run works on."""

from darts_pl.hardware.cores import available_cores
from darts_pl.hardware.profile import Hardware

__all__ = ["Hardware", "available_cores"]
