"""The benchmark of speed from the first row to the last: footprints, then timings, group by group."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from darts_pl.progress import Bar, bar
from darts_pl.stages.benchmark.speed.footprint import Footprint, footprint
from darts_pl.stages.benchmark.speed.limits import Limits, best, measured_limits
from darts_pl.stages.benchmark.speed.planning import Group, expected_s, group_s, plan
from darts_pl.stages.benchmark.speed.rows import Row, rows_of
from darts_pl.stages.benchmark.speed.settings import Case, Speed
from darts_pl.stages.benchmark.speed.timing import LEAST_S, Timing, timings

log = logging.getLogger("darts_pl")

PER_CENT = 100
CASE = tuple(field.name for field in fields(Case))


class Measuring:
    """One run of the benchmark.

    Args:
        notices: what is to be said already. keep: is handed this after each group.

    Attributes:
        timings, footprints: what was measured. limits: what the machine reached at best meanwhile. notices: what was
            not measured, and why.
    """

    def __init__(self, speed: Speed, notices: Sequence[str], keep: "Callable[[Measuring], object]"):
        self.speed, self.keep = speed, keep
        self.timings: dict[Case, list[Timing]] = {}
        self.limits: Limits = {}
        self.notices = list(notices)
        self.footprints: dict[Case, Footprint] = {}
        self.seconds: dict[Case, float] = {}
        self.waiting, self.taken_s = speed.groups, 0.0  # groups, and what was taken of the present one
        self.started = time.monotonic()
        self.given_s = math.inf if speed.minutes is None else 60 * speed.minutes

    @property
    def rows(self) -> list[Row]:
        """What follows from it, see `Row`."""
        return rows_of(self.timings, self.footprints, self.speed.reference, self.limits)

    def run(self) -> None:
        """Measure all groups, or those that the time allows."""
        fewest = self.speed.rounds
        with bar("speed", PER_CENT, unit="%") as shown:
            while self.waiting:
                kept, _ = self._plan() if self.seconds else (self.waiting, 0)
                if not kept:
                    break
                group, self.taken_s = kept[0], 0.0
                self.limits = best(self.limits, measured_limits(sorted({case.threads for case in self.speed.cases})))
                cases = self._runnable(group, shown)
                kept, rounds = self._plan()  # known better now
                rounds = rounds if group in kept else 1
                fewest = min(fewest, rounds)
                if cases:
                    self._time(cases, rounds, shown)
                self.waiting.remove(group)
        self._say_what_is_missing(fewest)

    def _plan(self) -> tuple[list[Group], int]:
        return plan(self.waiting, self.speed.rounds, self.given_s - self._gone_s(), self._cost)

    def _cost(self, group: Group, rounds: int) -> float:
        return group_s(group, rounds, self.seconds, lambda case: _of_memory(case, self.footprints) is None)

    def _gone_s(self) -> float:
        return time.monotonic() - self.started

    def _runnable(self, group: Group, shown: Bar) -> list[Case]:
        """The cases of a group that this machine has the memory for, once their footprints are there."""
        for case in group:
            self._show(shown, case)
            if (found := _of_memory(case, self.footprints)) is None:
                found = footprint(self.speed, case)
                if found.trouble:
                    self._notice(f"{_words(case)}: not measured, {found.trouble}.")
                if found.wall_s is not None:
                    self.seconds[case] = found.wall_s
            self.footprints[case] = found
        return [case for case in group if not self.footprints[case].trouble]

    def _time(self, cases: list[Case], rounds: int, shown: Bar) -> None:
        found = timings(self.speed, cases, rounds, partial(self._tell, shown))
        for case, measured in found.items():
            self.seconds[case] = sum(each.wall_s for each in measured) / len(measured)
        self.timings.update(found)
        for row in self.rows[-len(cases) :]:
            log.info("%s", _result(row))
        self.keep(self)

    def _tell(self, shown: Bar, case: Case) -> None:
        """A step is about to be timed."""
        self._show(shown, case)
        self.taken_s += max(LEAST_S, expected_s(case, self.seconds))

    def _show(self, shown: Bar, case: Case) -> None:
        rounds = self.speed.rounds
        left = sum(self._cost(group, rounds) for group in self.waiting) - self.taken_s
        gone = self._gone_s()
        left = max(1.0, min(left, self.given_s - gone))
        shown.update(completed=PER_CENT * gone / (gone + left), note=f"({_words(case)})")

    def _say_what_is_missing(self, fewest: int) -> None:
        if fewest < self.speed.rounds:
            self._notice(f"Cut to {self.speed.minutes:g} minutes: down to {fewest} of {self.speed.rounds} rounds.")
        if self.waiting:
            words = "; ".join(_group_words(group[0]) for group in self.waiting)
            self._notice(f"Not measured in {self.speed.minutes:g} minutes: {words}.")

    def _notice(self, text: str) -> None:
        log.info("%s", text)
        self.notices.append(text)


def _of_memory(case: Case, footprints: dict[Case, Footprint]) -> Footprint | None:
    """What is known of the memory of `case`, which is the same for all threads."""
    same = {**asdict(case), "threads": None}
    return next((found for other, found in footprints.items() if {**asdict(other), "threads": None} == same), None)


def _group_words(case: Case) -> str:
    threads = "1 thread" if case.threads == 1 else f"{case.threads} threads"
    return f"{case.order}, batch {case.batch}, {threads}"


def _words(case: Case) -> str:
    mixing = "" if case.mixing == "full" else f" {case.mixing}"
    return f"{case.engine}{mixing}{' recomputing' if case.recompute else ''}, {_group_words(case)}"


def _result(row: dict[str, Any]) -> str:
    case = Case(**{name: row[name] for name in CASE})
    times = "" if row["ratio"] is None else f", {row['ratio']:.2f} times as fast"
    return f"{_words(case)}: {row['wall_s']:.3f} s{times}"
