"""The machine a run works on."""

from darts_pl.hardware.profile import Hardware

__all__ = ["Hardware"]
