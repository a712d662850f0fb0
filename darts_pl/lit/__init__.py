"""LightningModules: searching and retraining."""

from darts_pl.lit.checks import check_method, check_warmup
from darts_pl.lit.isolation import patch_leaf_spec
from darts_pl.lit.retrain import RetrainModule
from darts_pl.lit.search import SearchModule

patch_leaf_spec()

__all__ = ["RetrainModule", "SearchModule", "check_method", "check_warmup"]
