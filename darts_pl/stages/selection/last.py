"""The architecture of the last epoch."""

from darts_pl.genotype import Genotype
from darts_pl.stages.selection.base import Trained


def last(trained: Trained) -> tuple[Genotype, dict]:
    """The genotype of the gates as the search ends, as the papers of most methods take it (for DARTS the author's
    word: copy the last one). Where something is annealed to its end, be it a temperature, an auxiliary skip connection
    or a penalty, the validation accuracies of earlier epochs are those of another network and cannot be compared.
    """
    return trained.derive(trained.module.supernet.strengths()), {"rule": "last epoch"}
