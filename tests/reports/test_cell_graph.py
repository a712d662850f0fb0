"""Drawings of cells: every operation, places that do not overlap, texts within their boxes."""

from itertools import combinations
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from darts_pl.genotype import KNOWN, Cell, Edge
from darts_pl.reports import cell_graph, cell_layout

CELLS = [
    pytest.param(getattr(g, kind), id=f"{name}-{kind}") for name, g in KNOWN.items() for kind in ("normal", "reduce")
]
V2 = KNOWN["DARTS_V2"].normal


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_every_operation_is_drawn():
    svg = cell_graph.cell_svg(V2, "Normal cell")
    assert svg.startswith("<svg")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    names = [text for text in texts_of(cell_graph.cell_figure(V2, "Normal cell")) if "_" in text and "$" not in text]
    assert sorted(names) == sorted(edge.op for node in V2.nodes for edge in node)


@pytest.mark.parametrize("cell", CELLS)
def test_no_box_or_circle_overlaps_another(cell: Cell):
    layout = cell_layout.layout_cell(cell)
    half = (cell_layout.OPERATION_WIDTH / 2, cell_layout.OPERATION_HEIGHT / 2)
    shapes = [(centre, half) for centre in layout.operations.values()]
    shapes += [(centre, (cell_layout.RADIUS, cell_layout.RADIUS)) for centre in layout.states.values()]
    for ((x0, y0), (w0, h0)), ((x1, y1), (w1, h1)) in combinations(shapes, 2):
        assert abs(x0 - x1) >= w0 + w1 or abs(y0 - y1) >= h0 + h1
    left, right, bottom, top = layout.extent
    for (x, y), (w, h) in shapes:
        assert left <= x - w and x + w <= right and bottom <= y - h and y + h <= top


@pytest.mark.parametrize("cell", CELLS)
def test_lines_start_at_their_source_and_pass_beside_the_boxes(cell: Cell):
    layout = cell_layout.layout_cell(cell)
    assert len(layout.routes) == sum(map(len, cell.nodes)) + len(cell.concat)
    for source, _, points in layout.routes:
        assert points[0] == pytest.approx((layout.states[source][0] + cell_layout.RADIUS, layout.states[source][1]))
        for (x0, y), (x1, _) in zip(points[1:-1:2], points[2:-1:2]):
            beside = [b for b in layout.operations.values() if x0 <= b[0] <= x1]
            assert all(abs(y - box[1]) > cell_layout.OPERATION_HEIGHT / 2 for box in beside)


def test_a_genotype_shows_both_cells():
    figure = cell_graph.genotype_figure(KNOWN["NASNet"])
    assert [text.get_text() for text in figure.texts] == ["Normal cell", "Reduction cell"]
    assert len(figure.axes) == 2


def test_nodes_without_inputs_and_long_operation_names_can_be_drawn():
    cell = Cell(((Edge("an_operation_with_a_very_long_name", 0),), ()), (2, 3))
    assert cell_graph.cell_svg(cell, "One edge").startswith("<svg")
