"""Whole cells as one autograd function on C++ kernels, for CPUs."""

from darts_pl.lazy import lazily

__getattr__, __dir__ = lazily(__name__)
