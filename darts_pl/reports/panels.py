"""The panels of a figure as pictures of their own, which a page sets side by side, where it is narrow in a column."""

import io

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from darts_pl.reports.style import RC, as_element

AIR = 0.06  # inches around a panel


def panel_svgs(figure: Figure) -> list[str]:
    """An `<svg>` element for each panel, then one for each legend of the whole figure; panels of one row are equally
    high. The figure is laid out by this and looks the same afterwards."""
    with matplotlib.rc_context(RC):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        panels = [axes for axes in figure.axes if axes.get_visible() and axes.axison]
        boxes = {axes: _inches(axes) for axes in panels}
        heights = {_row(axes): Bbox.union([boxes[a] for a in panels if _row(a) == _row(axes)]) for axes in panels}
        for axes, box in boxes.items():
            row = heights[_row(axes)]
            boxes[axes] = Bbox.from_extents(box.x0, row.y0, box.x1, row.y1)
        parts = [*panels, *figure.legends]
        return [_alone(figure, part, boxes.get(part) or _inches(part), parts) for part in parts]


def _row(axes: Axes) -> int:
    place = axes.get_subplotspec()
    return place.rowspan.start if place is not None else 0


def _inches(part: Artist) -> Bbox:
    """Where a part of a figure is drawn."""
    return part.get_tightbbox().transformed(part.figure.dpi_scale_trans.inverted())


def _alone(figure: Figure, part: Artist, box: Bbox, parts: list) -> str:
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
