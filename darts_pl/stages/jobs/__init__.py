"""Jobs in processes: functions in a pool of workers, or whole commands; what is done stays done."""

from darts_pl.stages.jobs.commands import CommandJob, run_commands
from darts_pl.stages.jobs.progress import interrupted_by
from darts_pl.stages.jobs.workers import Figures, FunctionJob, Workers

__all__ = ["CommandJob", "Figures", "FunctionJob", "Workers", "interrupted_by", "run_commands"]
