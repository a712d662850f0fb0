"""Search spaces: supernet() and network(genotype) side by side."""

from darts_pl.spaces.cells import CellSpace
from darts_pl.spaces.dense import DenseSpace
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.module import ModuleSpace
from darts_pl.spaces.nasbench201 import Nasbench201Space
from darts_pl.spaces.series import SeriesSpace
from darts_pl.spaces.text import TextSpace

__all__ = [
    "CellSpace",
    "DenseSpace",
    "MixedOperation",
    "ModuleSpace",
    "Nasbench201Space",
    "SeriesSpace",
    "TextSpace",
]
