"""The stages of a run: each reads files, writes files and can be repeated alone."""

from darts_pl.lazy import lazily

__getattr__, __dir__ = lazily(__name__)
