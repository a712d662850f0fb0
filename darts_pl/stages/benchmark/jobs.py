"""Searches as processes of their own, some at a time: started, resumed, counted."""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from darts_pl import last_words
from darts_pl.overrides import quoted
from darts_pl.progress import bar
from darts_pl.stages.manifest import MANIFEST, read_manifest
from darts_pl.stages.orphans import tied_environment

log = logging.getLogger("darts_pl")

LOG = "job.log"
POLL_S = 0.2
GRACE_S = 20.0  # for a job to save its place after Ctrl-C


@dataclass(frozen=True)
class Job:
    """One search: `overrides` of `python -m darts_pl.search`, run in `folder`."""

    name: str
    folder: Path
    overrides: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether its run is complete."""
        return (self.folder / MANIFEST).is_file() and read_manifest(self.folder).get("status") == "complete"

    def command(self) -> list[str]:
        """The process that runs it, or goes on with what lies in its folder."""
        begun = (self.folder / MANIFEST).is_file()
        place = f"{'resume' if begun else 'hydra.run.dir'}={quoted(str(self.folder))}"
        return [sys.executable, "-m", "darts_pl.search", *self.overrides, place]


def run_jobs(jobs: Sequence[Job], at_once: int, threads: int) -> list[Job]:
    """Run the jobs that are not done, `at_once` at a time with `threads` CPU threads each; returns those that failed.

    A failed job is passed over; its output lies in its folder's job.log. Jobs end with this process. Ctrl-C, SIGTERM
    and a closed terminal stop the running ones so that they can be gone on with, and raise KeyboardInterrupt.
    """
    waiting = [job for job in jobs if not job.done]
    if len(waiting) < len(jobs):
        log.info("%d of %d searches are done already", len(jobs) - len(waiting), len(jobs))
    running: dict[str, tuple[Job, subprocess.Popen, float]] = {}
    failed: list[Job] = []
    with bar("searches", len(jobs), completed=len(jobs) - len(waiting)) as shown, interrupted_by("SIGTERM", "SIGHUP"):
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    job = waiting.pop(0)
                    running[job.name] = (job, _start(job, threads), time.monotonic())
                time.sleep(POLL_S)
                for name, (job, process, started) in list(running.items()):
                    if process.poll() is None:
                        continue
                    del running[name]
                    shown.advance()
                    _report(job, process.returncode, time.monotonic() - started)
                    if process.returncode:
                        failed.append(job)
        except BaseException:
            _stop([process for _, process, _ in running.values()])
            raise
    return failed


@contextmanager
def interrupted_by(*names: str) -> Iterator[None]:
    """Let these signals, where the system has them, do what Ctrl-C does; the jobs, in groups of their own, would
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


def _start(job: Job, threads: int) -> subprocess.Popen:
    job.folder.mkdir(parents=True, exist_ok=True)
    environment = {**tied_environment(), "OMP_NUM_THREADS": str(threads)}
    with (job.folder / LOG).open("ab") as output:
        # A group of its own, so that Ctrl-C reaches it once, from here.
        return subprocess.Popen(
            job.command(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def _report(job: Job, status: int, seconds: float) -> None:
    if status:
        ended = last_words.ended(status)
        log.error("%s failed: its process %s after %.0f s, see %s", job.name, ended, seconds, job.folder / LOG)
    else:
        log.info("%s done (%.0f s)", job.name, seconds)


def _stop(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        if sys.platform == "win32":  # which can send no other signal
            process.terminate()
        else:
            process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + GRACE_S
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
