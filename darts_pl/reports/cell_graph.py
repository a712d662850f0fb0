"""Drawings of cells by matplotlib, placed by `cell_layout`."""

from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Curve
from matplotlib.textpath import TextPath

from darts_pl.genotype import AnyGenotype, Cell
from darts_pl.reports import cell_layout as layout_module
from darts_pl.reports.cell_layout import CellLayout, Point, layout_cell
from darts_pl.reports.style import (
    INK,
    MUTED,
    PALE,
    figure_svg,
    kind_title,
    operation_colour,
    shortened,
    styled,
    text_on,
)

INPUT_COLOURS = {0: "#7a8797", 1: INK}  # the lines of the two inputs are told apart by their tone
CONCAT_COLOUR = "#c3cbd5"
TITLE_HEIGHT = 0.42
LONGEST_NAME = 20  # characters of an operation; what is still too wide for its box is written smaller
LARGEST_TEXT, TEXT_MARGIN = 10.5, 0.1  # points; inches of a box that its text leaves free


def cell_svg(cell: Cell, title: str) -> str:
    """An `<svg>` element that shows `cell`: boxes are operations, circles the states they are summed in."""
    return figure_svg(cell_figure(cell, title))


def _line_colour(cell: Cell, source: int) -> str:
    return INPUT_COLOURS.get(source, MUTED) if source < cell.first_state else MUTED


@styled
def cell_figure(cell: Cell, title: str) -> Figure:
    """`cell` as a figure; it is as large as the cell needs."""
    return _stacked([(cell, title)])


@styled
def genotype_figure(genotype: AnyGenotype) -> Figure:
    """All cells of the genotype below each other."""
    return _stacked([(cell, kind_title(kind)) for kind, cell in genotype.cells.items()])


def _stacked(cells: list[tuple[Cell, str]]) -> Figure:
    """One figure with the cells below each other, an inch of layout being an inch of figure."""
    layouts = [layout_cell(cell) for cell, _ in cells]
    sizes = [(right - left, top - bottom) for left, right, bottom, top in (part.extent for part in layouts)]
    width = max(w for w, _ in sizes)
    height = sum(h + TITLE_HEIGHT for _, h in sizes)
    figure = Figure(figsize=(width, height), facecolor="white")
    above = height
    for (cell, title), layout, (w, h) in zip(cells, layouts, sizes):
        figure.text(0.1 / width, (above - 0.12) / height, title, va="top", weight="bold", size=12)
        above -= h + TITLE_HEIGHT
        axes = figure.add_axes((0, above / height, w / width, h / height))
        left, right, bottom, top = layout.extent
        axes.set(xlim=(left, right), ylim=(bottom, top))
        axes.axis("off")
        _draw(axes, cell, layout)
    return figure


def _draw(axes: Axes, cell: Cell, layout: CellLayout) -> None:
    for source, kind, points in layout.routes:
        colour = CONCAT_COLOUR if kind == "concat" else _line_colour(cell, source)
        _line(axes, points, colour, dashed=kind == "concat")
    for (state, number), centre in layout.operations.items():
        _operation(axes, cell.nodes[state - cell.first_state][number].op, centre, layout.states[state])
    output, inputs = layout_module.output_state(cell), cell.first_state
    for state, centre in layout.states.items():
        _state(axes, str(state) if state < output else "output", centre, boxed=state < inputs or state == output)


def _line(axes: Axes, points: list[Point], colour: str, dashed: bool) -> None:
    """A smooth line that leaves and enters every point horizontally."""
    codes, corners = [Curve.MOVETO], [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2
        corners += [(middle, y0), (middle, y1), (x1, y1)]
        codes += [Curve.CURVE4] * 3
    axes.add_patch(
        FancyArrowPatch(path=Curve(corners, codes), arrowstyle="-|>", mutation_scale=9, color=colour, lw=1.4,
                        linestyle=(0, (4, 2)) if dashed else "-", zorder=1, capstyle="butt")
    )  # fmt: skip


def _operation(axes: Axes, name: str, centre: Point, state: Point) -> None:
    width, height = layout_module.OPERATION_WIDTH, layout_module.OPERATION_HEIGHT
    colour = operation_colour(name)
    x, y = centre
    axes.plot([x + width / 2, state[0]], [y, state[1]], color=colour, lw=1.8, zorder=1)
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height,
            boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour, edgecolor="none", zorder=2,
        )
    )  # fmt: skip
    name = shortened(name, LONGEST_NAME)
    drawn = TextPath((0, 0), name, size=LARGEST_TEXT).get_extents().width / 72  # inches, as the box is measured in
    size = LARGEST_TEXT * min(1, (width - TEXT_MARGIN) / max(drawn, TEXT_MARGIN))
    axes.text(x, y - 0.01, name, color=text_on(colour), ha="center", va="center", size=size, zorder=3)


def _state(axes: Axes, label: str, centre: Point, boxed: bool) -> None:
    radius = layout_module.RADIUS
    style: dict[str, Any] = {"facecolor": PALE, "edgecolor": "#b8c1cc", "lw": 1.2, "zorder": 3}
    if boxed:
        corner = (centre[0] - radius * 1.5, centre[1] - radius)
        axes.add_patch(
            FancyBboxPatch(corner, radius * 3, radius * 2, boxstyle="round,pad=0,rounding_size=0.05", **style)
        )
    else:
        axes.add_patch(Circle(centre, radius, **style))
    axes.text(*centre, label, ha="center", va="center", size=11, zorder=4)
