"""Choosing the architecture once the supernet is trained, where it is not simply derived from the gates."""

from darts_pl.stages.selection.base import Selection, Trained

__all__ = ["Selection", "Trained"]
