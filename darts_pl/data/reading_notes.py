"""What was passed over, followed or changed in reading a data set, by count and first name, for the log."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

log = logging.getLogger(__name__)


class Note(NamedTuple):
    """One sentence; `warning` where something may not be as it was meant: left out, read twice."""

    text: str
    warning: bool


class Notes:
    """Counts alike observations and makes a sentence of each kind."""

    def __init__(self) -> None:
        self._kinds: dict[Note, list[str]] = {}  # the names of each

    def add(self, what: str, name: str, warning: bool = False) -> None:
        """Count `name` under `what`, which is in the plural: "links followed"."""
        self._kinds.setdefault(Note(what, warning), []).append(name)

    def update(self, others: "Notes") -> None:
        """Add all that `others` holds."""
        for kind, names in others._kinds.items():
            self._kinds.setdefault(kind, []).extend(names)

    def found(self, where: str) -> tuple[Note, ...]:
        """A note of each kind in the order of their first, beginning with `where`."""
        return tuple(
            Note(f"{where}: {what} ({len(names)}), such as {_written(names[0].removeprefix(f'{where}: '))}", warning)
            for (what, warning), names in self._kinds.items()
        )


def _written(name: str) -> str:
    """The name as it can be written into a log, also where it is not in UTF-8."""
    return name.encode(errors="backslashreplace").decode()


def log_notes(notes: Iterable[Note]) -> None:
    """Log the warnings as such and the rest as information."""
    for note in notes:
        log.log(logging.WARNING if note.warning else logging.INFO, "%s", note.text)
