"""The log of a run, which no full disk and no vanished folder turns into tracebacks."""

import logging
import sys
from pathlib import Path


class LogFile(logging.FileHandler):
    """Lines in UTF-8, appended to a file that is made with the first; that it cannot be written is told once."""

    def __init__(self, filename: Path | str):
        super().__init__(filename, encoding="utf-8", delay=True)
        self.reported = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # the file cannot be opened, which logging lets through
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self.reported:
            self.reported = True
            print(f"warning: {self.baseFilename} cannot be written: {error.strerror}", file=sys.stderr)
