"""The benchmark of speed: steps of several engines in turns, what they keep in memory, how near they come to the
machine's limits."""

from darts_pl.lazy import lazily

__getattr__, __dir__ = lazily(__name__)
