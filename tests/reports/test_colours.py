"""Lines are told apart by more than colour, and colours with any kind of colour vision, on light and on dark ground.

Machado, Oliveira and Fernandes (2009), severity 1, on linear sRGB; distances by CIE 1976 L*a*b* under D65.
"""

import re
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import history

from darts_pl.genotype import KNOWN
from darts_pl.reports import alphas, cell_graph, curves, gate_panels, pipeline_forecasts, pipeline_funnel, sweep_figure
from darts_pl.reports.gate_records import GateRecord
from darts_pl.reports.page import Page, Section, picture, render
from darts_pl.reports.style import OPERATION_COLOURS, SERIES, figure_svg, line_look

PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
WHITE = [0.95047, 1.0, 1.08883]
# invert(1) hue-rotate(180deg) of the page's style, by the matrix of the Filter Effects specification
TURNED = [[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]]


def srgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    x, y, z = np.array(TO_XYZ) @ np.clip(light, 0, 1) / WHITE
    a, b, c = (np.cbrt(v) if v > (6 / 29) ** 3 else v / (3 * (6 / 29) ** 2) + 4 / 29 for v in (x, y, z))
    return np.array([116 * b - 16, 500 * (a - b), 200 * (b - c)])


def in_the_dark(values: np.ndarray) -> np.ndarray:
    return np.clip(np.array(TURNED) @ (1 - values), 0, 1)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2 contrast of two sRGB colours."""
    darker, lighter = sorted(float(np.array(TO_XYZ)[1] @ linear(values)) for values in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def least_distance(colours: list[np.ndarray]) -> float:
    """The smallest distance of two of the colours with normal vision, without red and without green cones."""
    seen = [[lab(np.array(view) @ linear(c)) for c in colours] for view in (np.eye(3), PROTANOPIA, DEUTERANOPIA)]
    return min(float(np.linalg.norm(a - b)) for view in seen for a, b in combinations(view, 2))


@pytest.mark.parametrize(
    ("colours", "least"), [(SERIES, 15), (list(OPERATION_COLOURS.values()), 8)], ids=["lines", "ops"]
)
def test_colours_are_told_apart_with_any_colour_vision(colours, least):
    light = [srgb(colour) for colour in colours]
    assert least_distance(light) > least
    assert least_distance([in_the_dark(values) for values in light]) > least / 2


@pytest.mark.parametrize("colour", [*SERIES, *OPERATION_COLOURS.values()])
def test_colours_stand_out_from_light_and_from_dark_paper(colour):
    assert contrast(srgb(colour), srgb("#ffffff")) > 2.85
    assert contrast(in_the_dark(srgb(colour)), srgb("#171d24")) > 2.85


def test_forty_lines_differ_in_dashes_or_marker():
    looks = [(str(look["linestyle"]), look["marker"]) for look in (line_look(place, 100) for place in range(40))]
    assert len(set(looks)) == 40


def rungs():
    names = [f"c{n}" for n in range(9)]
    return pd.DataFrame({"id": names * 2, "epochs": [1] * 9 + [2] * 9, "val_mse": np.linspace(1, 2, 18), "kept": True})


def gates(count):
    return np.full((9, 3, count), 1 / count)


def horizon():
    names = ["searched", "dlinear", "nlinear", "seasonal naive", "last value"]
    return pd.DataFrame({"name": names * 2, "step": [1] * 5 + [2] * 5, "mse": np.linspace(1, 2, 10)})


OPERATIONS = list(OPERATION_COLOURS)
FIGURES = {
    "training": lambda: curves.training_curves(history(60, 0.9, 0)),
    "architecture": lambda: curves.architecture_curves(history(60, 0.9, 0), 8),
    "trainings": lambda: curves.compared_training({n: history(60, 0.9, 0) for n in ("a", "b", "c")}),
    "edges": lambda: alphas.edge_curves(range(9), gates(20), ["2<-0", "2<-1", "3<-0"], OPERATIONS[:20], ""),
    "choices": lambda: gate_panels.gates_figure(
        {"x": GateRecord(list(range(9)), gates(12), ["a", "b", "c"], [f"own {n}" for n in range(12)])}, ""
    ),
    "halving": lambda: pipeline_funnel.halving_figure(rungs(), "c1"),
    "horizon": lambda: pipeline_forecasts.horizon_figure(horizon(), ["mse"]),
    "sweep": lambda: sweep_figure.comparison_figure(
        pd.DataFrame({"run": list("abcd")}), list("wxyz"), [], {n: history(9, 0.9, 0) for n in "abcd"}
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_no_two_lines_of_a_panel_differ_by_colour_alone(name):
    for axes in FIGURES[name]().axes:
        lines = [line for line in axes.get_lines() if len(line.get_xdata()) > 1]
        looks = [(str(line._unscaled_dash_pattern), line.get_marker()) for line in lines]
        assert len(set(looks)) == len(looks), looks


def test_figures_have_no_ground_and_change_with_the_page():
    figure = picture(curves.training_curves(history(3, 0.9, 0)), "words")
    text = render(Page("title", "complete", [], [Section("one", [figure])]))
    dark = text[text.index("@media (prefers-color-scheme: dark)") :]
    assert "figure img { filter: invert(1) hue-rotate(180deg); }" in dark[: dark.index("* { box-sizing")]
    svg = figure_svg(curves.training_curves(history(3, 0.9, 0)))
    assert not re.search(r"fill: (#ffffff|white)", svg)


def test_titles_lie_inside_their_pictures_and_beside_each_other():
    """Long names are wrapped or shortened, and the picture is as large as what is drawn."""
    columns = [f"a_rule_that_records_something_of_some_length_{n}" for n in range(3)]
    table = pd.DataFrame({"epoch": [0, 1], **dict.fromkeys(columns, 1.0)})
    figure = curves.rule_curves(table, columns)
    figure.canvas.draw()
    titles = [axes._left_title.get_window_extent() for axes in figure.axes]
    assert all(left.x1 < right.x0 for left, right in pairwise(titles)) and titles[-1].x1 <= figure.bbox.x1
    for names in (["none"], ["x" * 200] * 2):
        figure = alphas.gate_heatmap(
            np.eye(2, len(names)), ["2<-0", "y" * 200], names, "Reduction cell: gates after epoch 10"
        )
        drawn = figure.get_tightbbox()
        assert drawn.x0 > -0.05 and drawn.y0 > -0.05
        assert drawn.x1 < figure.get_figwidth() + 0.05 and drawn.y1 < figure.get_figheight() + 0.05


def test_a_cell_is_drawn_with_the_numbers_of_its_states():
    """The same numbers as in genotype files, in the log and in TensorBoard: inputs 0 and 1, nodes from 2 on."""
    figure = cell_graph.cell_figure(KNOWN["DARTS_V2"].normal, "Normal cell")
    numbers = [text.get_text() for text in figure.axes[0].texts if text.get_text().isdecimal()]
    assert numbers == ["0", "1", "2", "3", "4", "5"]
