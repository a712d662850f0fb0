"""What commands say, a line each: the time, then the words; the same on a terminal and in a file."""

import logging

from rich import get_console

WORDS = {logging.WARNING: "warning: ", logging.ERROR: "error: ", logging.CRITICAL: "error: "}


class ConsoleHandler(logging.Handler):
    """Prints records through rich's console, so that lines and progress bars share the terminal. Lines are not broken:
    a terminal does it where it must, a file keeps them whole."""

    def __init__(self, level: int = logging.NOTSET):
        super().__init__(level)
        self.setFormatter(logging.Formatter("%(asctime)s %(word)s%(message)s", datefmt="%H:%M:%S"))

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; what is no news begins with what it is."""
        record.word = WORDS.get(record.levelno, "")
        return super().format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record. An output that cannot be written is an error of the command, not one to be passed over."""
        get_console().print(self.format(record), soft_wrap=True, markup=False, highlight=False, emoji=False)
