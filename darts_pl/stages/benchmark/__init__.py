"""Benchmarks: many searches as processes, and what they are measured by."""

from darts_pl.lazy import lazily

__getattr__, __dir__ = lazily(__name__)
