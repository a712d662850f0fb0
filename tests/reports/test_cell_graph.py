"""Drawings of cells: every operation, places that do not overlap, texts within their boxes."""

from itertools import combinations, cycle
from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from darts_pl.genotype import KNOWN, Cell, Edge, Nasbench201Genotype
from darts_pl.ops.dense import OPERATIONS as DENSE
from darts_pl.ops.series import OPERATIONS as SERIES
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


def chain(num_nodes: int, operations: list[str], inputs: int = 2) -> Cell:
    """Every node from the two states before it, or from all of them where there is one input."""
    names, nodes = cycle(operations), []
    for state in range(inputs, inputs + num_nodes):
        sources = range(state) if inputs == 1 else range(state - 2, state)
        nodes.append(tuple(Edge(next(names), source) for source in sources))
    return Cell(tuple(nodes), tuple(range(inputs, inputs + num_nodes)), inputs)


OF_ALL_SPACES = {
    "seven nodes": chain(7, ["conv_7x1_1x7", "sep_conv_3x3", "max_pool_3x3", "skip_connect"]),
    "tables": chain(4, sorted(DENSE)),
    "forecasts": chain(3, sorted(SERIES, key=len)[-6:]),
    "nasbench201": Nasbench201Genotype.from_digits("421313").cells["cell"],
    "seven nodes that keep all": chain(7, ["avg_pool_3x3", "nor_conv_3x3"], inputs=1),
    "names of one's own": chain(2, ["an_operation_with_a_very_long_name", "W" * 20, "W" * 12, "i"]),
}


@pytest.mark.parametrize("name", OF_ALL_SPACES)
def test_texts_lie_within_their_boxes_and_apart_from_each_other(name):
    """As they are drawn, measured by the renderer: no text leaves its box, no two overlap, no line crosses a box."""
    cell = OF_ALL_SPACES[name]
    figure = cell_graph.cell_figure(cell, "Normal cell")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    texts = [text.get_window_extent(canvas.get_renderer()) for text in [*figure.texts, *axes.texts]]
    for one, other in combinations(texts, 2):
        assert not one.overlaps(other)
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch) and patch.get_zorder() == 2]
    assert len(boxes) == sum(map(len, cell.nodes))
    for box, text in zip(boxes, texts[1:]):
        outer = box.get_window_extent()
        assert outer.x0 <= text.x0 and text.x1 <= outer.x1 and outer.y0 <= text.y0 and text.y1 <= outer.y1
    layout = cell_layout.layout_cell(cell)
    for _, _, points in layout.routes:
        for (x0, y), (x1, _) in zip(points[1:-1:2], points[2:-1:2]):
            beside = [b for b in layout.operations.values() if x0 <= b[0] <= x1]
            assert all(abs(y - box[1]) > cell_layout.OPERATION_HEIGHT / 2 for box in beside)
