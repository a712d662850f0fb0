"""Parameter counts at the paper's size, to compare genotypes with published ones."""

from collections.abc import Mapping

import torch

from darts_pl.genotype import Genotype
from darts_pl.ops.image import Builder
from darts_pl.spaces import CellSpace

PAPER = {"init_channels": 36, "layers": 20}


def paper_size(genotype: Genotype, operations: Mapping[str, Builder] | None = None) -> int:
    """Parameters of the network of `genotype` with C=36 and 20 cells on CIFAR-10, without auxiliary head; nothing is
    allocated."""
    space = CellSpace(**PAPER, operations=operations)
    with torch.device("meta"):
        return space.network(genotype, (3, 32, 32), 10).count_parameters()
