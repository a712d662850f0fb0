"""What a step takes of memory, and how much it asks for: found in a process of its own, because allocators and engines
keep blocks that the next step would not ask for again."""

import multiprocessing
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import torch

from darts_pl.stages.benchmark.speed.counting import Counts, saved_mib
from darts_pl.stages.benchmark.speed.settings import Case, Speed
from darts_pl.stages.benchmark.speed.subjects import subject
from darts_pl.stages.orphans import end_with_parent

FEW = 2  # samples of the batch on which calls are counted
STATUS, MEMORY = Path("/proc/self/status"), Path("/proc/meminfo")  # of Linux
PEAK_OF_SAVED = 1.6  # a step's peak is at most so many times what the graph keeps of a pass


@dataclass(frozen=True)
class Footprint:
    """Of one step; None where it was not found.

    Args:
        saved_mib, peak_mib: an image, what the graph of the training loss keeps and what the step adds to the resident
            size. calls: see `Counts`. flops, bytes: an image, see `Counts`. wall_s: of the step.
        trouble: why there was no step, in words.
    """

    saved_mib: float | None = None
    peak_mib: float | None = None
    calls: int | None = None
    flops: float | None = None
    bytes: float | None = None
    wall_s: float | None = None
    trouble: str = ""


def footprint(speed: Speed, case: Case) -> Footprint:
    """The footprint of `case`, by a new process that ends with it."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_begin) as pool:
        try:
            return pool.submit(_measured, speed, case).result()
        except BrokenProcessPool:
            return Footprint(trouble="its process ended, most likely for want of memory")


def _begin() -> None:
    """Let Ctrl-C end this process at once, without a word, and the end of the one that started it too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent()


def _measured(speed: Speed, case: Case) -> Footprint:
    torch.set_num_threads(case.threads)
    with subject(speed, case) as made:
        few = made.batches.head(FEW)
        count = min(FEW, case.batch)
        made.step(few)  # what is made once, such as kernels and momenta, is there before the counting
        with Counts() as counts:
            made.step(few)
        loss, saved = made.loss, 0.0
        if loss is not None:
            saved = saved_mib(lambda: loss(few), made.owned) / count
        need, free = PEAK_OF_SAVED * saved * case.batch, _free_mib()
        counted = {"calls": counts.calls, "flops": counts.flops / count, "bytes": counts.bytes / count}
        if free is not None and need > free:
            return Footprint(**counted, trouble=f"it needs about {need:.0f} MiB of memory, {free:.0f} are free")
        before = _reset_peak()
        started = time.perf_counter()
        made.step(made.batches)
        wall = time.perf_counter() - started
        peak = None if before is None else max(0.0, _resident("VmHWM") - before) / case.batch
        if loss is not None:
            saved = saved_mib(lambda: loss(made.batches), made.owned) / case.batch
    return Footprint(saved, peak, **counted, wall_s=wall)


def _reset_peak() -> float | None:
    """The resident size of this process in MiB, from which its peak begins anew; None where the system keeps none."""
    if not STATUS.is_file():
        return None
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak
    return _resident("VmRSS")


def _resident(name: str) -> float:
    """MiB: `VmRSS`, the resident size, or `VmHWM`, its peak."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 2**10


def _free_mib() -> float | None:
    """Memory in MiB that can be had without swapping; None where the system does not say."""
    if not MEMORY.is_file():
        return None
    line = next(line for line in MEMORY.read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) / 2**10
