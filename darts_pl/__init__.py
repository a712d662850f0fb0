"""darts_pl: differentiable architecture search on PyTorch Lightning and Hydra.

`search_architecture`, `SearchConfig`, `SearchResult` and `load` are the Python face; they are imported when first
used, so that reading a genotype does not load torch.
"""

from importlib import import_module

_FACE = ("SearchConfig", "SearchResult", "load", "search_architecture")

__all__ = list(_FACE)


def __getattr__(name: str):
    if name in _FACE:
        return getattr(import_module("darts_pl.api"), name)
    raise AttributeError(f"module 'darts_pl' has no attribute {name!r}; it has {', '.join(_FACE)}")
