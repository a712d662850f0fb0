"""The Python face: search on any pair of loaders, train what was found, load what a run saved."""

from darts_pl.api.search import HYPERGRADIENTS, search_architecture
from darts_pl.api.settings import SearchConfig, SearchResult
from darts_pl.api.training import train_network
from darts_pl.models import load_model as load

__all__ = ["HYPERGRADIENTS", "SearchConfig", "SearchResult", "load", "search_architecture", "train_network"]
