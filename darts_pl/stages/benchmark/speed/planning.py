"""What fits into the time that a benchmark is given: fewer rounds first, then fewer rows."""

from collections.abc import Callable, Mapping, Sequence

from darts_pl.stages.benchmark.speed.settings import NAIVE, PLAIN, PREDICT, Case
from darts_pl.stages.benchmark.speed.timing import LEAST_S, SHORT_S

Group = list[Case]

ORDER_COST = {"first": 1.0, "second": 2.4, "retrain": 1.0, PREDICT: 0.2}  # about, by a first-order step
ENGINE_COST = {NAIVE: 1.6, PLAIN: 1.0}  # about, by a plain step; the engines take less
GUESS_S = 0.3  # of a plain first-order step an image, while nothing is known
START_S = 4.0  # of a process of its own
PASSES = 0.4  # of a step: what a footprint takes beside one, and a warm-up


def expected_s(case: Case, known: Mapping[Case, float]) -> float:
    """Seconds of a step of `case`, `known` or by what is known of others, those of its engine before all."""
    if case in known:
        return known[case]
    if not known:
        return GUESS_S * _size(case)
    like = max(known, key=lambda other: _likeness(case, other))
    return known[like] * _size(case) / _size(like)


def _size(case: Case) -> float:
    return case.batch * ORDER_COST[case.order] * ENGINE_COST.get(case.engine, 0.7)


def _likeness(case: Case, other: Case) -> tuple[bool, bool, bool, bool, bool]:
    return (
        case.engine == other.engine,
        case.order == other.order,
        case.mixing == other.mixing,
        case.batch == other.batch,
        case.threads == other.threads,
    )


def group_s(group: Group, rounds: int, known: Mapping[Case, float], needs_footprint: Callable[[Case], bool]) -> float:
    """Seconds that a group takes."""
    total = 0.0
    for case in group:
        step = expected_s(case, known)
        total += rounds * max(step, LEAST_S) + (2 if step < SHORT_S else PASSES) * step
        if needs_footprint(case):
            total += START_S + (1 + PASSES) * step
    return total


def plan(
    groups: Sequence[Group], rounds: int, left_s: float, cost: Callable[[Group, int], float]
) -> tuple[list[Group], int]:
    """(the groups that can be measured, how many rounds of each): all with as many of `rounds` as fit into `left_s`
    seconds, else those of which one round fits after each other, and of these as many rounds as fit."""
    if count := _most(groups, rounds, left_s, cost):
        return list(groups), count
    kept: list[Group] = []
    for group in groups:
        if _most([*kept, group], 1, left_s, cost):
            kept.append(group)
    return kept, _most(kept, rounds, left_s, cost) if kept else 0


def _most(groups: Sequence[Group], rounds: int, left_s: float, cost: Callable[[Group, int], float]) -> int:
    """How many rounds of all `groups` fit."""
    fitting = (count for count in range(rounds, 0, -1) if sum(cost(group, count) for group in groups) <= left_s)
    return next(fitting, 0)
