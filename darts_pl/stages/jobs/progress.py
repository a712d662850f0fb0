"""The loop over jobs that run in other processes: which are left to do, a bar, each as it ends, signals."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from darts_pl.progress import bar

log = logging.getLogger("darts_pl")

POLL_S = 0.2


class Job(Protocol):
    """A piece of work that is done once: its result lies in a file."""

    @property
    def name(self) -> str:
        """What it is about."""

    @property
    def done(self) -> bool:
        """Whether its result is there."""


AnyJob = TypeVar("AnyJob", bound=Job)


def as_they_end(
    jobs: Sequence[AnyJob],
    submit: Callable[[AnyJob], Future[Any]],
    title: str,
    describe: Callable[[], str] | None = None,
) -> Iterator[tuple[AnyJob, Future[Any]]]:
    """Submit the jobs that are not done and give each with its future as it ends, under a bar.

    Args:
        title: what the jobs are, for the bar and the log. describe: the bar's text while jobs run; by default `title`.
    """
    waiting = [job for job in jobs if not job.done]
    if len(waiting) < len(jobs):
        log.info("%s: %d of %d are done already", title, len(jobs) - len(waiting), len(jobs))
    with bar(title, len(jobs), completed=len(jobs) - len(waiting)) as shown:
        futures = {submit(job): job for job in waiting}
        running = set(futures)
        while running:
            shown.update(description=describe() if describe else title)
            ended, running = wait(running, POLL_S, FIRST_COMPLETED)
            for future in ended:
                shown.advance()
                yield futures[future], future


@contextmanager
def interrupted_by(*names: str) -> Iterator[None]:
    """Let these signals, where the system has them, do what Ctrl-C does; jobs in process groups of their own would
    otherwise outlive this process."""
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
