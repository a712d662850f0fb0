"""Choosing the architecture once the supernet is trained, where it is not simply derived from the gates."""

from darts_pl.stages.selection.base import Selection, Trained, last
from darts_pl.stages.selection.perturbation import Perturbation
from darts_pl.stages.selection.sampled import Sampled

__all__ = ["Perturbation", "Sampled", "Selection", "Trained", "last"]
