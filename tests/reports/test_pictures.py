"""Figures of gates, operations and curves hold the numbers they were given."""

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest

from darts_pl.genotype import KNOWN
from darts_pl.reports import alphas, curves, operations, style
from darts_pl.reports.gate_panels import gates_figure
from darts_pl.reports.gate_records import GateRecord
from darts_pl.reports.pipeline_proxies import scatter_figure

EDGES = ["2<-0", "2<-1", "3<-0", "3<-1", "3<-2"]
PRIMITIVES = ["none", "skip_connect", "sep_conv_3x3"]
GATES = np.random.default_rng(0).dirichlet(np.ones(3), size=5)


def test_heat_map_writes_every_gate_beside_its_edge_and_operation():
    axes = alphas.gate_heatmap(GATES, EDGES, PRIMITIVES, "Normal cell").axes[0]
    assert [text.get_text() for text in axes.texts] == [f"{gate:.2f}" for gate in GATES.ravel()]
    assert [label.get_text() for label in axes.get_xticklabels()] == PRIMITIVES
    assert axes.get_yticklabels()[4].get_text() == "2 → 3"
    assert axes.get_title(loc="left") == "Normal cell"


def test_heat_map_frames_what_the_cell_keeps():
    cell = KNOWN["DARTS_V2"].normal
    chosen = alphas.chosen_places(cell, EDGES, PRIMITIVES)
    assert chosen == {(0, 2), (1, 2), (2, 2), (3, 2)}
    axes = alphas.gate_heatmap(GATES, EDGES, PRIMITIVES, "", chosen).axes[0]
    assert {(round(frame.get_y() - 0.05), round(frame.get_x() - 0.04)) for frame in axes.patches} == chosen


def test_heat_map_of_gates_that_are_not_finite_is_drawn():
    gates = GATES.copy()
    gates[0, 0] = np.nan
    assert alphas.gate_heatmap(gates, EDGES, PRIMITIVES, "").axes[0].texts[0].get_text() == "nan"


def test_heat_map_of_alphas_gives_either_sign_the_same_strength_and_nought_none():
    logits = np.array([[-0.5, 0.0, 0.25], [0.5, np.nan, -0.25]])
    axes = alphas.alpha_heatmap(logits, EDGES[:2], PRIMITIVES, "Normal cell").axes[0]
    assert [text.get_text() for text in axes.texts] == ["-0.50", "0.00", "0.25", "0.50", "nan", "-0.25"]
    (fields,) = axes.collections
    assert fields.get_clim() == (-0.5, 0.5)
    np.testing.assert_allclose(fields.cmap(fields.norm(0.0)), (1, 1, 1, 1), atol=0.01)
    assert alphas.alpha_heatmap(np.zeros((2, 3)), EDGES[:2], PRIMITIVES, "").axes[0].texts[0].get_text() == "0.00"


def test_edge_curves_stand_in_the_row_of_their_node_and_the_column_of_their_source():
    gates = np.stack([GATES, GATES[::-1], GATES])
    figure = alphas.edge_curves([-1, 0, 1], gates, EDGES, PRIMITIVES, "Normal cell")
    shown = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.lines}
    assert len(shown) == len(EDGES)
    lines = shown["2 → 3"].lines
    assert [line.get_label() for line in lines] == PRIMITIVES
    np.testing.assert_allclose(lines[2].get_ydata(), gates[:, 4, 2])
    place = shown["2 → 3"].get_subplotspec()
    assert (place.rowspan.start, place.colspan.start) == (1, 2)
    assert figure.axes[0].get_ylim() == figure.axes[-1].get_ylim()


def test_small_panels_of_gates_do_not_touch_their_neighbours():
    long = ["bidirectional_mamba", "inverted_attention", "none"]
    epochs = list(range(51))  # the number of the last stands at the edge of its panel
    gates = np.random.default_rng(0).dirichlet(np.ones(3), size=(51, 1))
    records = {
        str(kind): GateRecord(epochs, gates, ["edge"], names) for kind, names in enumerate([long, PRIMITIVES] * 4)
    }
    figure = gates_figure(records, "")
    boxes = [axes.get_tightbbox() for axes in figure.axes]  # with numbers, title and legend
    assert len(boxes) == 8 and not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize(
    "ranges",
    [
        {"beside": (1e-4, 3e-4), "the": (120, 126), "next": (12120, 12180), "panel": (-3121, -1210)},
        {"within": (9.954e-4, 1.004e-3), "a": (995000, 1006000), "long": (9.977e-4, 1.0024e-3)},
    ],
)
def test_numbers_below_scattered_scores_keep_a_blank_apart(ranges: dict[str, tuple[float, float]]):
    trained = pd.DataFrame(
        {name: np.linspace(*ends, 9) for name, ends in {**ranges, "choice_val_mse": (0.3, 0.5)}.items()}
    )
    figure = scatter_figure(trained, list(ranges), "choice_val_mse")
    figure.draw_without_rendering()
    boxes = []
    for axes in figure.axes[: len(ranges)]:
        ticks = [tick for tick in axes.xaxis.get_major_ticks() if axes.viewLim.intervalx[0] <= tick.get_loc()]
        ticks = [tick for tick in ticks if tick.get_loc() <= axes.viewLim.intervalx[1]]
        assert len(ticks) >= 2
        boxes += [tick.label1.get_window_extent() for tick in ticks]
    assert min(right.x0 - left.x1 for left, right in pairwise(boxes)) > 10  # of 100 an inch; a letter has 8


def test_edges_with_names_of_their_own_get_a_plain_grid():
    figure = alphas.edge_curves([0], GATES[None], list("abcde"), PRIMITIVES, "")
    assert [axes.get_title(loc="left") for axes in figure.axes if axes.lines] == list("abcde")


def test_operation_shares_count_the_genotype_and_average_the_gates():
    table = operations.operation_shares(KNOWN["DARTS_V2"].normal, GATES, PRIMITIVES).set_index("operation")
    assert table["count"].to_dict() == {"none": 0, "skip_connect": 2, "sep_conv_3x3": 5, "dil_conv_3x3": 1}
    assert table.loc["sep_conv_3x3", "share"] == 5 / 8
    assert table.loc["none", "mean_gate"] == pytest.approx(sum(row[0] for row in GATES) / 5)
    assert np.isnan(table.loc["dil_conv_3x3", "mean_gate"])


def test_curves_draw_the_columns_that_are_there():
    history = pd.DataFrame({"epoch": [0, 1], "train_loss": [2.0, 1.0], "val_acc": [0.5, np.nan], "other": [1, 2]})
    loss, accuracy, rate = curves.training_curves(history).axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), [2.0, 1.0])
    assert [len(axes.lines) for axes in (loss, accuracy, rate)] == [1, 1, 0]
    assert not curves.has_any(history, ["lr"])


def test_entropy_is_drawn_below_the_line_of_equal_gates():
    history = pd.DataFrame({"epoch": [0], "entropy_normal": [1.9]})
    _, entropy, _ = curves.architecture_curves(history, operations=8).axes
    assert entropy.lines[-1].get_ydata()[0] == pytest.approx(2.0794415)


def test_parameter_bars_sort_this_run_among_the_published():
    axes = operations.parameter_bars([("DARTS_V2", 3349342), ("DARTS_V1", 3169414)], 3200000).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["DARTS_V1", "this run", "DARTS_V2"]


def test_colours_are_stable_distinct_and_leave_text_readable():
    names = [*style.OPERATION_COLOURS, "my_own_operation", "another"]
    colours = [style.operation_colour(name) for name in names]
    assert len(set(colours)) == len(names)
    assert colours == [style.operation_colour(name) for name in names]
    assert style.text_on("#000000") == "#ffffff"
    assert style.text_on("#ffffff") == style.INK
