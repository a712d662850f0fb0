"""What a network is trained for: the loss, the figures of an epoch, and which of two epochs is the better one."""

from darts_pl.tasks.base import Task
from darts_pl.tasks.classification import BinaryClassification, Classification
from darts_pl.tasks.custom import Custom
from darts_pl.tasks.forecasting import LOSSES, Forecasting
from darts_pl.tasks.metrics import AnyMetrics, EpochMetrics
from darts_pl.tasks.multi import MultiMetrics, MultiTask
from darts_pl.tasks.regression import Regression

__all__ = [
    "LOSSES",
    "AnyMetrics",
    "BinaryClassification",
    "Classification",
    "Custom",
    "EpochMetrics",
    "Forecasting",
    "MultiMetrics",
    "MultiTask",
    "Regression",
    "Task",
]
