"""From gates to a genotype: derivations, and a random genotype for comparison."""

from darts_pl.derive.derivations import (
    NONE,
    Derivation,
    SkipLimit,
    Strongest,
    Threshold,
    TopEdges,
    num_edges,
    skip_limit,
    strongest,
    threshold,
    top_edges,
)
from darts_pl.derive.functions import as_derivation
from darts_pl.derive.genotypes import derive_genotype, random_cell, random_genotype

__all__ = [
    "NONE",
    "Derivation",
    "SkipLimit",
    "Strongest",
    "Threshold",
    "TopEdges",
    "as_derivation",
    "derive_genotype",
    "num_edges",
    "random_cell",
    "random_genotype",
    "skip_limit",
    "strongest",
    "threshold",
    "top_edges",
]
