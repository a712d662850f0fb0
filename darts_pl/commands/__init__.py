"""The frame of every command: compose the configuration, check it, run, and turn errors into messages."""

from darts_pl.commands.check import check_config
from darts_pl.commands.frame import run_command

__all__ = ["check_config", "run_command"]
