"""What the machine reaches at best, measured beside the rows: neighbours take a share of it that changes."""

import time
from collections.abc import Callable, Iterable, Mapping

import torch

SIDE = 1536  # of the matrices of the product
COPIED = 64 * 2**20  # floats of the copy, 256 MiB: more than most caches hold
REPEATS = 5

Limits = dict[int, dict[str, float]]
"""By number of threads: `gflops` of a product of float32 matrices, `gib_per_s`, read and written, of a copy."""


def measured_limits(threads: Iterable[int]) -> Limits:
    """The limits of now."""
    before = torch.get_num_threads()
    try:
        return {count: _limits(count) for count in threads}
    finally:
        torch.set_num_threads(before)


def best(before: Mapping[int, Mapping[str, float]], now: Limits) -> Limits:
    """The higher of both."""
    return {
        count: {name: max(value, before.get(count, each).get(name, value)) for name, value in each.items()}
        for count, each in now.items()
    }


def _limits(threads: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    a, b, product = (torch.ones(SIDE, SIDE) for _ in range(3))
    source, target = torch.ones(COPIED), torch.ones(COPIED)
    clock = time.process_time if threads == 1 else time.perf_counter  # as the rows are compared
    multiplied = _fastest(lambda: torch.mm(a, b, out=product), clock)
    copied = _fastest(lambda: target.copy_(source), clock)
    return {"gflops": 2 * SIDE**3 / multiplied / 1e9, "gib_per_s": 2 * 4 * COPIED / copied / 2**30}


def _fastest(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of the fastest of some repeats, one before them aside."""
    work()
    seconds = []
    for _ in range(REPEATS):
        started = clock()
        work()
        seconds.append(clock() - started)
    return min(seconds)
