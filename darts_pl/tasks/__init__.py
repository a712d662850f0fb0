"""What a network is trained for: the loss, the figures of an epoch, and which of two epochs is the better one."""

from darts_pl.tasks.base import Task
from darts_pl.tasks.classification import Classification
from darts_pl.tasks.forecasting import LOSSES, Forecasting
from darts_pl.tasks.metrics import EpochMetrics

__all__ = ["LOSSES", "Classification", "EpochMetrics", "Forecasting", "Task"]
