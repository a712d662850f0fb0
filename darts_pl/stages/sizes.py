"""Parameter counts at the paper's size, to compare genotypes with published ones."""

from collections.abc import Mapping
from typing import Any

import torch

from darts_pl.genotype import KNOWN, AnyGenotype, Genotype, Nasbench201Genotype
from darts_pl.ops.image import Builder
from darts_pl.spaces import CellSpace, Nasbench201Space
from darts_pl.spaces.base import Space

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


def paper_sizes(genotype: AnyGenotype, space: Space) -> dict[str, Any]:
    """`derived_parameters_paper_size` of the genotype and `published`, name and parameters of the published ones of its
    space, for the results of a run; empty for a `space` that no paper's sizes are known of."""
    if not isinstance(space, CellSpace | Nasbench201Space):
        return {}
    sizes: dict[str, Any] = {"derived_parameters_paper_size": paper_size(genotype, space.operations)}
    published = {name: known for name, known in KNOWN.items() if known.space == genotype.space}
    if published:
        sizes["published"] = [{"name": name, "parameters": paper_size(known)} for name, known in published.items()]
    return sizes
