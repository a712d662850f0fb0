"""How gates and candidate outputs become one output: `(x, candidates, gate row [K]) -> y`."""

from darts_pl.relaxations.mixing.full import full

__all__ = ["full"]
