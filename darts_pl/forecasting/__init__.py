"""The staged search of a forecasting model put together: parts from a configuration, stages in order, the Python
face."""

from darts_pl.forecasting.models import Derived
from darts_pl.forecasting.order import Plan, build_plan, check_search, find_forecaster, worker_count
from darts_pl.forecasting.parts import build_parts, parts_factory
from darts_pl.forecasting.trainer import DARTSTrainer

__all__ = [
    "DARTSTrainer",
    "Derived",
    "Plan",
    "build_parts",
    "build_plan",
    "check_search",
    "find_forecaster",
    "parts_factory",
    "worker_count",
]
