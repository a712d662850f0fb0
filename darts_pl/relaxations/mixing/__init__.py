"""How gates and candidate outputs become one output: `(x, candidates, gate row [K]) -> y`, a function or a `Mixing`."""

from darts_pl.relaxations.mixing.base import Candidate, Mixing, MixingFunction, as_mixing, full, is_full
from darts_pl.relaxations.mixing.partial import PartialChannels
from darts_pl.relaxations.mixing.single_path import SinglePath

__all__ = ["Candidate", "Mixing", "MixingFunction", "PartialChannels", "SinglePath", "as_mixing", "full", "is_full"]
