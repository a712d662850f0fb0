"""Parameter counts at the paper's size, to compare genotypes with published ones."""

from collections.abc import Mapping

import torch

from darts_pl.genotype import AnyGenotype, Genotype, Nasbench201Genotype
from darts_pl.ops.image import Builder
from darts_pl.spaces import CellSpace, Nasbench201Space

PAPER = {
    Genotype.space: (CellSpace, {"init_channels": 36, "layers": 20}),
    Nasbench201Genotype.space: (Nasbench201Space, {"init_channels": 16, "layers": 5}),
}


def paper_size(genotype: AnyGenotype, operations: Mapping[str, Builder] | None = None) -> int:
    """Parameters of the network of `genotype` on CIFAR-10 at the size of its space's paper, without auxiliary head: 36
    channels and 20 cells (DARTS), 16 channels and 5 cells a stage (NAS-Bench-201). Nothing is allocated."""
    space, size = PAPER[genotype.space]
    with torch.device("meta"):
        return space(**size, operations=operations).network(genotype, (3, 32, 32), 10).count_parameters()
