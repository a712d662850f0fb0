"""Jobs in worker processes: each one's figures in a file, whatever became of the others.

Every job runs in a worker with one torch thread, also where there is one worker only, so that its result depends on
neither their number nor the order. A job that was done is not done again. One that raises, kills its process or runs
out of time leaves its error in its file and is passed over. Workers end with the process that started them, however it
ended: a run that was killed can be gone on with at once.
"""

import json
import logging
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import pebble
import rich
import torch

from darts_pl import last_words
from darts_pl.bounded import read_json
from darts_pl.callbacks import peak_memory_mib
from darts_pl.errors import RunError
from darts_pl.hardware import Hardware
from darts_pl.paths import is_of_storage, never_recreated, write_text_atomically
from darts_pl.stages.jobs.progress import as_they_end
from darts_pl.stages.log_file import LogFile
from darts_pl.stages.orphans import end_with_parent

log = logging.getLogger("darts_pl")

LOG = "workers.log"
START_METHOD = "spawn"  # a fork would copy threads' locks and CUDA's state


class Shared(Protocol):
    """What all jobs of a worker work with, such as the parts of a run."""

    @property
    def hardware(self) -> Hardware:
        """What they run on."""


Figures = dict[str, Any]
"""What a job found, as JSON can hold it; in its file also `error`, `seconds` and `peak_memory_mib`."""
MakeShared = Callable[[], Shared]
"""Makes what jobs share; crosses to worker processes, so it is a function of a module with plain arguments."""


@dataclass(frozen=True)
class FunctionJob:
    """One piece of work.

    Args:
        name: what it is about, such as a candidate's id.
        work: `(shared, **arguments) -> figures` (what JSON can hold), a function of a module.
        result: the file of its figures, with `error` (None or why there are none), `seconds` and `peak_memory_mib`.
    """

    name: str
    work: Callable[..., Figures]
    result: Path
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether it was done, or had failed."""
        return self.result.is_file()

    def figures(self) -> Figures:
        """What its file holds."""
        return read_json(self.result)

    def forget(self) -> None:
        """Remove its file, so that it is done again."""
        self.result.unlink(missing_ok=True)

    def write(self, figures: Mapping[str, Any]) -> None:
        """Write its file."""
        write_text_atomically(self.result, json.dumps(_finite({"id": self.name, **figures}), indent=2) + "\n")


class Workers:
    """Worker processes, started when first needed and kept until the `with` ends.

    Args:
        make_shared: makes what the jobs share, in each worker. count: processes. folder: of the run; workers.log is
            written there.

    Attributes:
        busy_s, wall_s: what the jobs of the last `run` took, summed over them, and from its beginning to its end.
    """

    def __init__(self, make_shared: MakeShared, count: int, folder: Path):
        self.make_shared, self.count, self.folder = make_shared, count, Path(folder)
        self.pool: pebble.ProcessPool | None = None
        self.words = tempfile.TemporaryDirectory(prefix="darts_pl-")
        self.busy_s = self.wall_s = 0.0

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pool is not None:
            self.pool.close() if kind is None else self.pool.stop()
            self.pool.join()
        self.words.cleanup()

    def run(
        self,
        jobs: Sequence[FunctionJob],
        *,
        timeout_s: float | None,
        title: str,
        describe: Callable[[Figures], str] | None = None,
        log_every: int = 1,
    ) -> dict[str, Figures]:
        """Run the jobs that are not done and return all figures by name, in the order of the jobs.

        Args:
            timeout_s: seconds after which a job is given up. describe: figures → what the log's line says of them.
            log_every: of so many jobs that were done one gets a line; those that failed always do.

        Raises:
            RunError: the run's folder cannot be written, or no worker is left, which is no fault of a job.
        """
        started, waiting = time.perf_counter(), [job for job in jobs if not job.done]
        submit = partial(self._submit, timeout_s=timeout_s)
        ended = as_they_end(jobs, submit, title, partial(self._starting, title))
        for count, (job, future) in enumerate(ended, start=1):
            error = future.exception()
            if error is not None:
                self._record(job, error, title, timeout_s)
            if count % log_every == 0 or error is not None:
                _log_end(title, job, describe)
        self.wall_s = time.perf_counter() - started
        self.busy_s = sum(job.figures()["seconds"] or 0.0 for job in waiting)
        return {job.name: job.figures() for job in jobs}

    def _record(self, job: FunctionJob, error: BaseException, title: str, timeout_s: float | None) -> None:
        """Write down why a job failed; raises what is no fault of the job."""
        of_the_job = isinstance(error, FutureTimeout | pebble.ProcessExpired)  # which are OSErrors too
        if isinstance(error, RunError | OSError) and not of_the_job:
            raise error
        if isinstance(error, BrokenProcessPool):
            raise RunError(
                f"{title}: worker processes did not start, or ended without a job ({error}). What they said is "
                f"above or in {self.folder / LOG}"
            ) from error
        job.write({"error": self._reason(error, timeout_s), "seconds": None, "peak_memory_mib": None})

    def _starting(self, title: str) -> str:
        """The bar's text: until the first worker is ready, what is waited for."""
        ready = any(Path(self.words.name).glob("*"))
        return title if ready else f"{title}: starting {self.count} worker processes"

    def one_by_one(self, jobs: Sequence[FunctionJob], *, timeout_s: float | None) -> float:
        """Seconds to run `jobs` one after the other, done or not."""
        started = time.perf_counter()
        for job in jobs:
            self._submit(job, timeout_s).exception()
        return time.perf_counter() - started

    def at_once(self, jobs: Sequence[FunctionJob], *, timeout_s: float | None) -> float:
        """Seconds to run `jobs` as many at a time as there are workers, done or not."""
        started = time.perf_counter()
        for future in [self._submit(job, timeout_s) for job in jobs]:
            future.exception()
        return time.perf_counter() - started

    def _submit(self, job: FunctionJob, timeout_s: float | None) -> "Future[None]":
        if self.pool is None:
            _let_processes_start()
            self.pool = pebble.ProcessPool(
                self.count,
                initializer=_start_worker,
                initargs=(self.make_shared, self.folder, Path(self.words.name)),
                context=multiprocessing.get_context(START_METHOD),
            )
        return self.pool.schedule(_do_job, args=[job], timeout=timeout_s)

    def _reason(self, error: BaseException, timeout_s: float | None) -> str:
        if isinstance(error, FutureTimeout):
            return f"not done after {timeout_s:g} s"
        if isinstance(error, pebble.ProcessExpired):
            words = last_words.read(last_words.words_file(self.words.name, error.pid))
            return f"its process {words or last_words.describe_exit(error.exitcode)}"
        return str(error) if isinstance(error, _JobError) else f"{type(error).__name__}: {error}"


class _JobError(Exception):
    """What a job raised, in words: an error that cannot be made again from its arguments would break the pool."""


_worker: dict[str, Any] = {}


def _let_processes_start() -> None:
    """Workers of joblib, in which Hydra's launcher runs whole pipelines, have a start method of joblib's, which their
    own processes are told of and do not know."""
    if multiprocessing.get_start_method(allow_none=True) not in (None, *multiprocessing.get_all_start_methods()):
        multiprocessing.set_start_method(START_METHOD, force=True)


def _start_worker(make_shared: MakeShared, folder: Path, words: Path) -> None:
    """Prepare a worker process: one thread, its words in the log, Ctrl-C left to the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    torch.set_num_threads(1)
    _worker["kept"] = ExitStack()
    _worker["kept"].enter_context(never_recreated(folder))
    line = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(handlers=[LogFile(folder / LOG)], level=logging.INFO, format=line)
    logging.captureWarnings(True)
    lightning = logging.getLogger("lightning.pytorch")
    lightning.handlers.clear()
    lightning.propagate = True
    lightning.setLevel(logging.WARNING)
    rich.reconfigure(stderr=True, force_terminal=False)  # bars belong to the process that started this one
    last_words.keep(last_words.words_file(words, os.getpid()))
    last_words.note(torch=torch.__version__)
    _worker["make_shared"] = make_shared


def _do_job(job: FunctionJob) -> None:
    if "shared" not in _worker:
        _worker["shared"] = _worker["make_shared"]()
        _worker["shared"].hardware.apply_determinism()
    shared: Shared = _worker["shared"]
    last_words.note(at=job.name)
    started = time.perf_counter()
    try:
        figures = job.work(shared, **job.arguments)
    except BaseException as error:
        log.error("%s failed", job.name, exc_info=sys.exc_info())
        if isinstance(error, RunError) or is_of_storage(error):  # all that follow would fail too
            raise
        raise _JobError(f"{type(error).__name__}: {error}") from error
    seconds, peak = time.perf_counter() - started, peak_memory_mib(shared.hardware.device)
    job.write({**figures, "error": None, "seconds": round(seconds, 3), "peak_memory_mib": round(peak, 1)})


def _log_end(title: str, job: FunctionJob, describe: Callable[[Figures], str] | None) -> None:
    figures = job.figures()
    if figures["error"]:
        log.warning("%s %s failed, passed over: %s", title, job.name, figures["error"].splitlines()[0])
    else:
        log.info("%s %s: %s(%.1f s)", title, job.name, f"{describe(figures)} " if describe else "", figures["seconds"])


def _finite(value: Any) -> Any:
    """`value` with None for numbers that are not finite, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
