"""Callbacks: resume points, the record of a run, progress, TensorBoard."""

from darts_pl.callbacks.alphas import SearchHistory
from darts_pl.callbacks.checkpoint import InterruptedValidation, ResumePoints, check_finite_weights, newest_loadable
from darts_pl.callbacks.guards import CollapseGuards
from darts_pl.callbacks.history import History, peak_memory_mib
from darts_pl.callbacks.progress import RunProgress
from darts_pl.callbacks.tensorboard import ArchitectureBoard, ScalarBoard, without_thread_tracebacks, write_hparams
from darts_pl.callbacks.trackers import MlflowRun, WandbRun
from darts_pl.lazy import lazily

__all__ = [
    "ArchitectureBoard",
    "CollapseGuards",
    "History",
    "InterruptedValidation",
    "MlflowRun",
    "ResumePoints",
    "RunProgress",
    "ScalarBoard",
    "SearchHistory",
    "WandbRun",
    "check_finite_weights",
    "newest_loadable",
    "peak_memory_mib",
    "without_thread_tracebacks",
    "write_hparams",
]
__getattr__, __dir__ = lazily(__name__)
