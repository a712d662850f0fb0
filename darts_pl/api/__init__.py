"""The Python face: search on loaders or a data module, train what was found, load what a run saved."""

from darts_pl.api.search import HYPERGRADIENTS, search_architecture
from darts_pl.api.settings import SearchConfig, SearchResult
from darts_pl.api.training import train_network
from darts_pl.models import load_model as load
from darts_pl.stages.phases import Phase
from darts_pl.stages.selection import Perturbation, Sampled

__all__ = [
    "HYPERGRADIENTS",
    "Perturbation",
    "Phase",
    "Sampled",
    "SearchConfig",
    "SearchResult",
    "load",
    "search_architecture",
    "train_network",
]
