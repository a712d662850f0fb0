"""Trained networks as single files: weights, genotype and preprocessing; nothing in them is ever run."""

from darts_pl.models.file import load_model, save_model
from darts_pl.models.trained import TrainedModel

__all__ = ["TrainedModel", "load_model", "save_model"]
