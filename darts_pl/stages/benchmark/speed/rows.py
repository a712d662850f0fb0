"""The rows of the table: what was measured of each case, and what follows from it."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from darts_pl.stages.benchmark.speed.counting import MIB
from darts_pl.stages.benchmark.speed.footprint import Footprint
from darts_pl.stages.benchmark.speed.settings import Case
from darts_pl.stages.benchmark.speed.timing import Timing, ratio

Row = dict[str, Any]
"""Of speed.json: `engine`, `order`, `batch`, `threads`, `mixing`, `recompute`; seconds of a step `cpu_s`, `wall_s`,
medians over `rounds`; `ratio`, `ratio_low`, `ratio_high`, the reference's time over this one's; `images_per_s`;
`of_full`, this time over that with full mixing; MiB an image `saved_mib_per_image`, `peak_mib_per_image`,
`moved_mib_per_image`; `calls` of a step; `gflop_per_image`; `of_peak_rate`, `of_roofline`, shares of what the machine
reaches. None: not known."""


def rows_of(
    timings: Mapping[Case, Sequence[Timing]],
    footprints: Mapping[Case, Footprint],
    reference: str,
    limits: Mapping[int, Mapping[str, float]],
) -> list[Row]:
    """The rows. The operations of a step are those that PyTorch sees of the reference's, since all do the
    same work and kernels of one's own show none; the reference of a case has its mixing."""
    return [_row(case, timings, footprints, reference, limits[case.threads]) for case in timings]


def _row(
    case: Case,
    timings: Mapping[Case, Sequence[Timing]],
    footprints: Mapping[Case, Footprint],
    reference: str,
    limits: Mapping[str, float],
) -> Row:
    measured, found = timings[case], footprints[case]
    cpu_s, wall_s = (statistics.median(getattr(each, name) for each in measured) for name in ("cpu_s", "wall_s"))
    seconds = cpu_s if case.threads == 1 else wall_s
    compared = Case(reference, *case.group, case.mixing)
    against = ratio(timings[compared], measured, case.threads) if compared in timings else None
    full = Case(case.engine, *case.group, recompute=case.recompute)
    of_full = ratio(measured, timings[full], case.threads).median if full != case and full in timings else None
    flops = footprints[compared].flops if compared in footprints else None
    row = {
        **{"engine": case.engine, "order": case.order, "batch": case.batch, "threads": case.threads},
        **{
            "mixing": case.mixing,
            "recompute": case.recompute,
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "rounds": len(measured),
        },
        "ratio": None if against is None else against.median,
        "ratio_low": None if against is None else against.low,
        "ratio_high": None if against is None else against.high,
        "images_per_s": case.batch / seconds,
        "of_full": of_full,
        "saved_mib_per_image": found.saved_mib,
        "peak_mib_per_image": found.peak_mib,
        "calls": found.calls,
        "moved_mib_per_image": None if found.bytes is None else found.bytes / MIB,
        "gflop_per_image": None if flops is None else flops / 1e9,
    }
    return {**row, **_shares(flops, found.bytes, seconds / case.batch, limits)}


def _shares(
    flops: float | None, moved: float | None, seconds: float, limits: Mapping[str, float]
) -> dict[str, float | None]:
    """Of the seconds an image, the share that its operations would take at the machine's rate, and the share that they
    or its bytes would, whichever take longer (Williams, Waterman and Patterson, 2009, the roofline)."""
    if flops is None or moved is None:
        return {"of_peak_rate": None, "of_roofline": None}
    operations, traffic = flops / (limits["gflops"] * 1e9), moved / (limits["gib_per_s"] * 2**30)
    return {"of_peak_rate": operations / seconds, "of_roofline": max(operations, traffic) / seconds}
