"""Search spaces: supernet() and network(genotype) side by side."""

from darts_pl.spaces.cells import CellSpace, inherit_weights
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.module import ModuleSpace
from darts_pl.spaces.nasbench201 import Nasbench201Space
from darts_pl.spaces.series import SeriesSpace

__all__ = ["CellSpace", "MixedOperation", "ModuleSpace", "Nasbench201Space", "SeriesSpace", "inherit_weights"]
