"""Rules: what a method changes in the step or the course of a search, beyond relaxation and mixing."""

from darts_pl.rules.base import Combination, EpochEnd, Rule, Stop, WeightStep, check_rules

__all__ = [
    "Combination",
    "EpochEnd",
    "Rule",
    "Stop",
    "WeightStep",
    "check_rules",
]
