"""Search spaces: supernet() and network(genotype) side by side."""

from darts_pl.spaces.cells import CellSpace, inherit_weights
from darts_pl.spaces.choice import Choice

__all__ = ["CellSpace", "Choice", "inherit_weights"]
