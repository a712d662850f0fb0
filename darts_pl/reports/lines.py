"""How the lines of one picture are told apart: each by colour, dashes and marker together, not by colour alone."""

from collections.abc import Mapping
from typing import Any

from darts_pl.reports.style import SERIES

# Their numbers have no common divisor, so that no two of the first 40 lines are alike in both.
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.6)), (0, (7, 2, 1.5, 2)), (0, (4, 1.4, 1.2, 1.4, 1.2, 1.4)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_MARKERS = 7  # on one line: more hide where it runs


def line_look(place: int, points: int, colour: str | None = None, size: float = 4.0) -> Mapping[str, Any]:
    """The arguments for `Axes.plot` of the line number `place` of a picture, which has `points` points.

    Dashes and markers go by the place alone; the colour too, unless one is given. Long lines have a few markers, each
    line at other points, so that lines that run together show both.
    """
    step = max(1, points // MOST_MARKERS)
    return {
        "color": colour or SERIES[place % len(SERIES)],
        "linestyle": DASHES[place % len(DASHES)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": size,
        "markevery": (place % step, step),
    }
