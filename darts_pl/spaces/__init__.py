"""Search spaces: supernet() and network(genotype) side by side."""

from darts_pl.spaces.cells import CellSpace, inherit_weights
from darts_pl.spaces.choice import Choice
from darts_pl.spaces.nasbench201 import Nasbench201Space

__all__ = ["CellSpace", "Choice", "Nasbench201Space", "inherit_weights"]
