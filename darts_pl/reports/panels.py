"""The panels of a figure as pictures of their own, which a page sets side by side, where it is narrow in a column."""

import io
from dataclasses import dataclass

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from darts_pl.reports.style import RC, as_element

AIR = 0.06  # inches around a panel


@dataclass(frozen=True)
class Panels:
    """The `<svg>` elements of the panels of a figure, which had `columns` of them in a row, and of its legends."""

    panels: list[str]
    legends: list[str]
    columns: int


def panels_of(figure: Figure) -> Panels:
    """The panels of a figure, those of one row equally high. The figure is laid out by this and looks the same
    afterwards."""
    with matplotlib.rc_context(RC):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        panels = [axes for axes in figure.axes if axes.get_visible() and axes.axison]
        boxes: dict[Artist, Bbox] = {axes: _inches(axes) for axes in panels}
        rows: dict[float, list[Axes]] = {}
        for axes in panels:
            rows.setdefault(round(axes.get_position().y1, 3), []).append(axes)
        for row in rows.values():
            whole = Bbox.union([boxes[axes] for axes in row])
            boxes |= {a: Bbox.from_extents(boxes[a].x0, whole.y0, boxes[a].x1, whole.y1) for a in row}
        parts: list[Artist] = [*panels, *figure.legends]
        drawn = [_part_svg(figure, part, boxes.get(part) or _inches(part), parts) for part in parts]
        return Panels(drawn[: len(panels)], drawn[len(panels) :], max(map(len, rows.values()), default=1))


def _inches(part: Artist) -> Bbox:
    """Where a part of a figure is drawn."""
    box = part.get_tightbbox()
    if box is None or part.figure is None:
        raise ValueError("nothing of a panel is drawn")
    return box.transformed(part.figure.dpi_scale_trans.inverted())


def _part_svg(figure: Figure, part: Artist, box: Bbox, parts: list[Artist]) -> str:
    """The picture of one part, the others left out."""
    stream = io.StringIO()
    for other in parts:
        other.set_visible(other is part)
    try:
        figure.savefig(
            stream, format="svg", facecolor="none", bbox_inches=box.padded(AIR),
            metadata={"Date": None, "Creator": None},
        )  # fmt: skip
    finally:
        for other in parts:
            other.set_visible(True)
    return as_element(stream.getvalue())
