"""The staged search of a forecasting model put together: parts from a configuration, stages in order, the Python
face."""

from darts_pl.forecasting.models import Derived
from darts_pl.forecasting.order import Plan, check_search, find_forecaster, plan_of, worker_count
from darts_pl.forecasting.parts import parts_of, source_of
from darts_pl.forecasting.trainer import DARTSTrainer

__all__ = [
    "DARTSTrainer",
    "Derived",
    "Plan",
    "check_search",
    "find_forecaster",
    "parts_of",
    "plan_of",
    "source_of",
    "worker_count",
]
