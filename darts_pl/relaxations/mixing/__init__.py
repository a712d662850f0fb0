"""How gates and candidate outputs become one output: `(x, candidates, gate row [K]) -> y`.

A mixing is a function, or an object that can be called as one. It may have `channel_divisor` (its candidates see one
part in so many of the channels), `edge_normalization` (the supernet weighs the edges into a node) and `needs_one_hot`
(it understands one-hot gates only).
"""

from darts_pl.relaxations.mixing.full import full
from darts_pl.relaxations.mixing.partial import PartialChannels, with_divisor
from darts_pl.relaxations.mixing.single_path import SinglePath

__all__ = ["PartialChannels", "SinglePath", "full", "with_divisor"]
