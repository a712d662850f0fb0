"""Candidate operations by domain, each module a table of name → builder."""

from darts_pl.lazy import lazily

__getattr__, __dir__ = lazily(__name__)
