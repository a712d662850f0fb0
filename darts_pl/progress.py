"""Bars on a terminal: one for the whole run, and beneath it one for what is being done. Elsewhere they are silent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich import get_console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

WHOLE = "whole run"


class _Amount(TextColumn):
    """ "3/10 steps", of the whole run "1 of 4 parts done"."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        if task.fields.get("parts"):
            return Text(f"{int(task.completed)} of {task.total:.0f} parts done")
        total = "" if task.total is None else f"{task.completed:.0f}/{task.total:.0f} {task.fields.get('unit', '')}"
        return Text(total.strip())


def _progress() -> Progress:
    columns = [TextColumn("{task.description}"), BarColumn(), _Amount(), TimeElapsedColumn(), TextColumn("gone,")]
    console = get_console()
    return Progress(
        *columns,
        TimeRemainingColumn(),
        TextColumn("left {task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class Bar:
    """A bar, by itself or beneath that of the whole run.

    Args:
        total: steps; None for a bar that only shows that something is going on. unit: what a step is, in the plural.
    """

    def __init__(self, title: str, total: int | None, *, completed: int = 0, unit: str = ""):
        self.alone = _Run.shared is None
        self.progress = _Run.shared or _progress()
        if self.alone:
            self.progress.start()
        self.task = self.progress.add_task(title, total=total, completed=completed, unit=unit, note="")
        self.open = True

    def update(self, **changes: Any) -> None:
        """Set `completed`, `total`, `description` or `note`."""
        self.progress.update(self.task, **changes)
        task = next(task for task in self.progress.tasks if task.id == self.task)
        if not self.alone and task.total:
            _Run.within(min(task.completed / task.total, 0.99))

    def advance(self) -> None:
        """One step more."""
        self.update(advance=1)

    def close(self) -> None:
        """Take the bar away; more than once does nothing."""
        if self.open and self.alone:
            self.progress.stop()
        elif self.open and _Run.shared is self.progress:
            self.progress.remove_task(self.task)
        self.open = False


@contextmanager
def bar(title: str, total: int | None, *, completed: int = 0, unit: str = "") -> Iterator[Bar]:
    """A `Bar` that is taken away at the end."""
    shown = Bar(title, total, completed=completed, unit=unit)
    try:
        yield shown
    finally:
        shown.close()


class _Run:
    """The bar of the whole run that this process shows, if any."""

    shared: Progress | None = None
    task: TaskID | None = None
    done = 0

    @classmethod
    def within(cls, share: float) -> None:
        """How much of the present part is done; several bars of one part never lead back."""
        assert cls.shared is not None and cls.task is not None  # bars are parts of the run's own only
        now = cls.shared.tasks[0].completed
        cls.shared.update(cls.task, completed=max(now, cls.done + share))


@contextmanager
def whole_run(parts: int) -> Iterator[None]:
    """Inside, a bar of the whole run, of so many `parts`; within another it is that one's."""
    if _Run.shared is not None:
        yield
        return
    shared = _progress()
    _Run.shared, _Run.done = shared, 0
    shared.start()
    _Run.task = shared.add_task(WHOLE, total=parts, parts=True, note="")
    try:
        yield
    finally:
        shared.stop()
        _Run.shared = None


def part_done() -> None:
    """Tell the bar of the whole run, where there is one, that a further part of it is done."""
    if _Run.shared is not None and _Run.task is not None:
        _Run.done += 1
        _Run.shared.update(_Run.task, completed=_Run.done)
