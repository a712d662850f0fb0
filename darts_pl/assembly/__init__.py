"""What the commands share when they turn a composed configuration into parts: arguments, the run folder, the parts."""

from darts_pl.assembly.arguments import arguments
from darts_pl.assembly.launching import launch, register
from darts_pl.assembly.parts import check_no_series, prepare_space, prepared_data, retraining_parts, search_method
from darts_pl.assembly.runs import open_run

__all__ = [
    "arguments",
    "check_no_series",
    "launch",
    "open_run",
    "prepare_space",
    "prepared_data",
    "register",
    "retraining_parts",
    "search_method",
]
