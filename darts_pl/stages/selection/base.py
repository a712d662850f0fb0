"""What a selection gets and gives, and the one that takes the last epoch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from darts_pl.data.base import SearchData
from darts_pl.genotype import AnyGenotype
from darts_pl.hardware import Hardware
from darts_pl.lit import SearchModule
from darts_pl.spaces.base import Space
from darts_pl.stages.trainer import TrainerSettings


@dataclass(frozen=True)
class Trained:
    """A searched supernet, for a selection to look at and to train further.

    Args:
        module: the search's module after its last phase, its supernet trained.
        make_module: `(supernet, epochs=…, …) -> SearchModule` with the search's other settings.
        derive: strengths [E, K] a kind → genotype, by the run's rule.
        folder: where the selection may keep files, to go on from after an interruption.
    """

    module: SearchModule
    make_module: Callable[..., SearchModule]
    space: Space
    data: SearchData
    derive: Callable[[Mapping[str, Tensor]], AnyGenotype]
    hardware: Hardware
    seed: int
    folder: Path
    trainer: TrainerSettings


Selection = Callable[[Trained], tuple[AnyGenotype, dict[str, Any]]]
"""Gives the genotype and figures for the manifest; it must be resumable and depend on the seed alone."""


def last(trained: Trained) -> tuple[AnyGenotype, dict[str, Any]]:
    """The genotype of the gates as the search ends, as the papers of most methods take it (for DARTS the author's
    word: copy the last one). Where something is annealed to its end, be it a temperature, an auxiliary skip connection
    or a penalty, the validation accuracies of earlier epochs are those of another network and cannot be compared.
    """
    return trained.derive(trained.module.supernet.strengths()), {"rule": "last epoch"}
