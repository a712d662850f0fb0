"""Genotypes: the discrete architecture as data, its files and the published ones. No torch."""

from darts_pl.genotype.base import AnyGenotype, ChosenNames, check_operations, check_space, choice_text
from darts_pl.genotype.cell import Cell, Edge
from darts_pl.genotype.cells import Genotype
from darts_pl.genotype.known import KNOWN
from darts_pl.genotype.module import ModuleGenotype
from darts_pl.genotype.nasbench201 import Nasbench201Genotype
from darts_pl.genotype.nni import from_nni, to_nni
from darts_pl.genotype.original import from_original_text, to_original_text
from darts_pl.genotype.reading import check_readable, from_json, read
from darts_pl.genotype.series import SeriesGenotype

__all__ = [
    "KNOWN",
    "AnyGenotype",
    "Cell",
    "ChosenNames",
    "Edge",
    "Genotype",
    "ModuleGenotype",
    "Nasbench201Genotype",
    "SeriesGenotype",
    "check_operations",
    "check_readable",
    "check_space",
    "choice_text",
    "from_json",
    "from_nni",
    "from_original_text",
    "read",
    "to_nni",
    "to_original_text",
]
