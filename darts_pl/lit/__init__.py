"""LightningModules: searching and retraining."""

import warnings

from darts_pl.lit.retrain import RetrainModule
from darts_pl.lit.search import SearchModule, check_method, check_warmup

__all__ = ["RetrainModule", "SearchModule", "check_method", "check_warmup"]

# Lightning's own code (up to 2.6) calls what torch 2.13 deprecates, at every fit; users can do nothing about it.
warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec", FutureWarning, r"lightning\.pytorch\.")
# A training without held-out data has no validation, and is meant to have none.
warnings.filterwarnings("ignore", "You defined a `validation_step` but have no", UserWarning, r"lightning\.pytorch\.")
