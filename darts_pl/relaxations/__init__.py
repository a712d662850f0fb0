"""Relaxations: architecture logits `alpha` [E, K] → gates [E, K]."""

from darts_pl.relaxations.base import Relaxation, Softmax
from darts_pl.relaxations.dirichlet import Dirichlet
from darts_pl.relaxations.gumbel import Gumbel
from darts_pl.relaxations.sigmoid import Sigmoid
from darts_pl.relaxations.uniform import Uniform

__all__ = ["Dirichlet", "Gumbel", "Relaxation", "Sigmoid", "Softmax", "Uniform"]
