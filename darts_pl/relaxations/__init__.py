"""Relaxations: architecture logits `alpha` [E, K] → gates [E, K]."""

from darts_pl.relaxations.base import Relaxation
from darts_pl.relaxations.gumbel import Gumbel
from darts_pl.relaxations.softmax import Softmax

__all__ = ["Gumbel", "Relaxation", "Softmax"]
