"""Rules: what a method changes in the step or the course of a search, beyond relaxation and mixing."""

from darts_pl.rules.auxiliary_skip import AuxiliarySkip
from darts_pl.rules.base import Combination, EpochEnd, PhaseStart, Rule, Stop, WeightStep, check_rules
from darts_pl.rules.beta_decay import BetaDecay
from darts_pl.rules.drop_path import DropPath
from darts_pl.rules.eigenvalue import EigenvalueStop
from darts_pl.rules.layer_alignment import LayerAlignment
from darts_pl.rules.oles import OperationEarlyStopping
from darts_pl.rules.sdarts import SDARTSAdversarial, SDARTSRandom
from darts_pl.rules.skip_dropout import SkipDropout
from darts_pl.rules.stopping import RankingStop, SkipStop

__all__ = [
    "AuxiliarySkip",
    "BetaDecay",
    "Combination",
    "DropPath",
    "EigenvalueStop",
    "EpochEnd",
    "LayerAlignment",
    "OperationEarlyStopping",
    "PhaseStart",
    "RankingStop",
    "Rule",
    "SDARTSAdversarial",
    "SDARTSRandom",
    "SkipDropout",
    "SkipStop",
    "Stop",
    "WeightStep",
    "check_rules",
]
