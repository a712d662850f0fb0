"""Seconds of steps, taken in turns: what slows the machine down for a while slows neighbours down alike."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch

from darts_pl.stages.benchmark.speed.settings import Case, Speed
from darts_pl.stages.benchmark.speed.subjects import Subject, subject

FEW = 2  # samples of the step that comes before the measured ones where steps are long
SHORT_S = 2.0  # a step that takes less is taken once in full before
LEAST_S = 0.2  # short steps are repeated until they take so long together, for the clock's sake


@dataclass(frozen=True)
class Timing:
    """CPU and wall seconds of a step."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Ratio:
    """How many times faster: the median over rounds, the lowest and the highest."""

    median: float
    low: float
    high: float


def timings(speed: Speed, cases: Sequence[Case], rounds: int, tell: Callable[[Case], None]) -> dict[Case, list[Timing]]:
    """`rounds` timings of every case of one group, in turns; `tell` hears of each step before it is measured."""
    found: dict[Case, list[Timing]] = {case: [] for case in cases}
    with ExitStack() as stack, _threads(cases[0].threads):
        subjects = {case: stack.enter_context(subject(speed, case)) for case in cases}
        repeats = {case: _warm_up(made) for case, made in subjects.items()}
        for _ in range(rounds):
            for case, made in subjects.items():
                tell(case)
                found[case].append(_timed(made, repeats[case]))
    return found


def _warm_up(made: Subject) -> int:
    """How many steps are measured as one."""
    few = made.batches.head(FEW)
    made.step(few)
    if _timed(made, 1, few=True).wall_s > SHORT_S:
        return 1
    first = _timed(made, 1)
    if first.wall_s > SHORT_S:
        return 1
    return max(1, math.ceil(LEAST_S / first.wall_s))


def _timed(made: Subject, repeats: int, *, few: bool = False) -> Timing:
    batches = made.batches.head(FEW) if few else made.batches
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        made.step(batches)
    return Timing((time.process_time() - cpu) / repeats, (time.perf_counter() - wall) / repeats)


def ratio(before: Sequence[Timing], after: Sequence[Timing], threads: int) -> Ratio:
    """The times of `before` over those of `after` in the same round: of the CPU for one thread, since they do not count
    what neighbours take, else of the wall."""
    pairs = [
        one.cpu_s / other.cpu_s if threads == 1 else one.wall_s / other.wall_s for one, other in zip(before, after)
    ]
    return Ratio(statistics.median(pairs), min(pairs), max(pairs))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
