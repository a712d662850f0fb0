"""LightningModules: searching and retraining."""

from darts_pl.lit.retrain import RetrainModule
from darts_pl.lit.search import SearchModule, check_method, check_warmup

__all__ = ["RetrainModule", "SearchModule", "check_method", "check_warmup"]
