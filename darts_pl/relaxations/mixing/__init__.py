"""How gates and candidate outputs become one output: `(x, candidates, gate row [K]) -> y`, a function or a `Mixing`."""

from darts_pl.relaxations.mixing.base import Mixing, MixingFunction, as_mixing
from darts_pl.relaxations.mixing.full import full
from darts_pl.relaxations.mixing.partial import PartialChannels
from darts_pl.relaxations.mixing.single_path import SinglePath

__all__ = ["Mixing", "MixingFunction", "PartialChannels", "SinglePath", "as_mixing", "full"]
