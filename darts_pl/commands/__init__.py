"""The frame of every command: compose the configuration, check it, run, and turn errors into messages."""

from darts_pl.commands.check import check_config
from darts_pl.commands.frame import run_command
from darts_pl.lazy import lazily

__all__ = ["check_config", "run_command"]
__getattr__, __dir__ = lazily(__name__)
