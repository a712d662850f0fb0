"""LightningModules: searching and retraining."""

from darts_pl.lit.checks import check_method, check_warmup
from darts_pl.lit.isolation import use_the_new_leaf
from darts_pl.lit.retrain import RetrainModule
from darts_pl.lit.search import SearchModule

use_the_new_leaf()

__all__ = ["RetrainModule", "SearchModule", "check_method", "check_warmup"]
