"""Whole searches as commands in processes of their own, some at a time: started, resumed, counted."""

import contextlib
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from darts_pl import last_words
from darts_pl.overrides import quoted
from darts_pl.stages.jobs.progress import as_they_end, interrupted_by
from darts_pl.stages.manifest import MANIFEST, read_manifest
from darts_pl.stages.orphans import tied_environment

log = logging.getLogger("darts_pl")

LOG = "job.log"
GRACE_S = 20.0  # for a job to save its place after Ctrl-C


@dataclass(frozen=True)
class CommandJob:
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


class _Processes:
    """The processes that run now; none is started any more once they were stopped."""

    def __init__(self, threads: int):
        self.threads, self.running, self.lock, self.stopped = threads, set[subprocess.Popen](), Lock(), False

    def run(self, job: CommandJob) -> tuple[int, float]:
        """Exit status and seconds of a job; called in a thread of its own."""
        started = time.monotonic()
        with self.lock:
            if self.stopped:
                return -signal.SIGINT, 0.0
            process = _start(job, self.threads)
            self.running.add(process)
        status = process.wait()
        with self.lock:
            self.running.discard(process)
        return status, time.monotonic() - started

    def stop(self) -> None:
        """Let all of them save their place; who does not within `GRACE_S`, or before Ctrl-C comes again, is killed."""
        with self.lock:
            self.stopped, processes = True, list(self.running)
        deadline = time.monotonic() + GRACE_S
        try:
            for process in processes:
                if sys.platform == "win32":  # which can send no other signal
                    process.terminate()
                else:
                    process.send_signal(signal.SIGINT)
            for process in processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            for process in processes:
                process.kill()  # does nothing to one that has ended


def run_commands(jobs: Sequence[CommandJob], at_once: int, threads: int) -> list[CommandJob]:
    """Run the jobs that are not done, `at_once` at a time with `threads` CPU threads each; returns those that failed.

    A failed job is passed over; its output lies in its folder's job.log. Jobs end with this process. Ctrl-C, SIGTERM
    and a closed terminal stop the running ones so that they can be gone on with, and raise KeyboardInterrupt.
    """
    processes, failed = _Processes(threads), []
    with ThreadPoolExecutor(at_once) as pool, interrupted_by("SIGTERM", "SIGHUP"):
        try:
            for job, future in as_they_end(jobs, lambda job: pool.submit(processes.run, job), "searches"):
                status, seconds = future.result()
                _report(job, status, seconds)
                if status:
                    failed.append(job)
        except BaseException:
            processes.stop()  # those that wait for a thread of the pool end before they begin
            raise
    return failed


def _start(job: CommandJob, threads: int) -> subprocess.Popen:
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


def _report(job: CommandJob, status: int, seconds: float) -> None:
    if status:
        ended = last_words.describe_exit(status)
        log.error("%s failed: its process %s after %.0f s, see %s", job.name, ended, seconds, job.folder / LOG)
    else:
        log.info("%s done (%.0f s)", job.name, seconds)
