"""Pages of runs with choices beside cells or instead of them, compared by an error or over several tasks."""

import json

import numpy as np
import pandas as pd
import pytest
from choice_run import CHOSEN, SERIES_KINDS, build, genotype, kinds_of, of_choices_only
from test_report import read_page

from darts_pl.reports import curves, gate_sections, sections
from darts_pl.reports.gate_sections import choice_table
from darts_pl.reports.monitor import Monitor, monitor_of
from darts_pl.reports.run_files import read_run
from darts_pl.reports.run_page import run_page, write_report
from darts_pl.reports.sweep import comparison, over_seeds
from darts_pl.reports.sweep_figure import comparison_figure
from darts_pl.reports.sweep_metrics import column_in_words, title
from darts_pl.reports.sweep_page import write_comparison


@pytest.fixture
def folder(tmp_path):
    """A search for forecasts whose last genotype differs in one choice."""
    found = build(tmp_path / "run")
    genotype().save(found / "genotype_best.json")
    genotype(shortcut="none").save(found / "genotype_last.json")
    return found


def words(blocks) -> str:
    return " ".join(getattr(block, "text", "") or getattr(block, "caption", "") for block in blocks)


def test_the_page_of_a_search_by_an_error(folder):
    page = read_page(write_report(folder))
    assert read_run(folder).damaged == []
    assert "Best validation mse of the supernet: 0.25, after epoch 7." in page.texts["p"]
    assert {"test mse", "samples/s", "gates after the last epoch", "the best epoch"} <= set(page.texts["th"])
    assert {"searched", "0.25", "1.235", "–", "variates", "– (no choice)"} <= set(page.texts["td"])
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "accuracy" not in text and "images" not in text
    assert page.texts["h2"][:3] == ["Results", "Genotype", "Architecture weights"]


def test_choices_stand_beside_their_gates(folder):
    run = read_run(folder)
    table = choice_table({"best": run.best, "last": run.last}, run.gates)
    rows = {row[0]: row[1:] for row in table.rows}
    assert list(rows) == [label.replace("_", " ") for label in CHOSEN]
    assert rows["shortcut"][:2] == ["linear", "none"] and rows["feed forward"] == ["mlp", "mlp", "– (no choice)"]
    last = run.gates["normalization"].gates[-1, 0]
    larger, smaller = sorted(zip(last, SERIES_KINDS["normalization"][0]), reverse=True)
    assert rows["normalization"][2] == f"{larger[1]} {larger[0]:.2f}, {smaller[1]} {smaller[0]:.2f}"


def test_choices_get_small_panels_and_cells_their_edges(folder):
    run = read_run(folder)
    blocks = gate_sections.alpha_blocks(run)
    assert len(blocks) == 1 + 2 + 1 and [block.narrow for block in blocks] == [False, True, True, False]
    assert gate_sections.kind_heading(run, "encoder") == "Encoder cell"
    assert gate_sections.kind_heading(run, "normalization") == "normalization"


def test_a_run_with_choices_alone_and_too_many_of_them(tmp_path):
    folder = build(tmp_path / "run", kinds_of(40))
    run = read_run(folder)
    run.best = run.last = of_choices_only(40)
    blocks = gate_sections.alpha_blocks(run)
    assert len(blocks) == 1 + 1 + 2 + 1  # panels, what is left out, maps and curves of the inputs
    left = words(blocks[1:2])
    assert left.startswith("Not drawn: 16 choices whose gates moved less, block 8, block 10,")
    assert "block 1," not in left and "block 39" not in left
    (table,) = sections.genotype_blocks(run)
    assert len(table.rows) == 41 and table.rows[-1][1] == "early + late"
    assert table.rows[-1][2].startswith(("early: taken 0.", "early: left out 0."))
    assert sections.operation_blocks(run) == []
    assert "a line is their mean, the band their range" in words(sections.architecture_blocks(run))
    assert "Operations" not in [section.title for section in run_page(run).sections]
    history = run.history
    _, entropy, skips = curves.architecture_curves(history).axes
    assert not skips.get_visible()
    columns = [name for name in history if name.startswith("entropy_")]
    np.testing.assert_allclose(entropy.lines[0].get_ydata(), history[columns].mean(axis=1))
    assert entropy.get_legend_handles_labels()[1] == ["range", "mean of 41"]


def test_many_cells_are_not_all_drawn(tmp_path):
    run = read_run(build(tmp_path / "run"))
    run.best = run.last = genotype()
    cells = {f"cell_{n}": run.best.cells["encoder"] for n in range(11)}
    object.__setattr__(run.best, "cells", cells)
    assert words(sections.genotype_blocks(run)[-1:]) == (
        "Not drawn: 3 further cells of the best epoch, which is also the last, cell_8, cell_9, cell_10."
    )
    assert words(sections.operation_blocks(run)[1:]).startswith("Not drawn: 7 further cells, cell_4,")


def test_several_tasks_get_columns_and_curves(tmp_path):
    folder = build(tmp_path / "run", monitor="acc", tasks=("coarse_acc", "age_mae", "coarse_loss"), best=0.8)
    run = read_run(folder)
    table = sections.result_blocks(run)[0]
    assert list(table.columns[1:4]) == ["test accuracy", "coarse acc", "age mae"]
    assert list(table.rows[0][1:4]) == ["80.00 %", "80.00 %", "0.8"] and table.rows[1][2] == "–"
    assert len(sections.curve_blocks(run)) == 2
    figure = curves.metric_curves(run.history, ["coarse_acc", "age_mae"])
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["Coarse acc", "Age mae"]
    assert figure.axes[0].yaxis.get_major_formatter()(0.5, 0).endswith("%")


def test_the_loss_as_metric_is_drawn_once(tmp_path):
    run = read_run(build(tmp_path / "run", monitor="loss"))
    assert [axes.get_title(loc="left") for axes in curves.training_curves(run.history, "loss").axes] == [
        "Loss", "Learning rate of the weights",
    ]  # fmt: skip
    assert len(curves.compared_training({"searched": run.history}, "loss").axes) == 1
    assert "Best validation loss of the supernet: 0.25, after epoch 7." in words(sections.result_blocks(run))


def test_what_a_run_goes_by_is_told_or_inferred(folder):
    run = read_run(folder)
    assert monitor_of(run) == Monitor("mse", False)
    run.results = {}
    assert monitor_of(run) == Monitor("mse", False)
    assert "Best validation mse of the supernet: 0.25, after epoch 7." in words(sections.result_blocks(run))
    run.manifest = {}
    assert monitor_of(run) == Monitor("mse", False)
    run.history = pd.DataFrame({"epoch": [1], "val_loss": [0.5]})
    assert monitor_of(run) == Monitor("loss", False)
    run.history = None
    assert monitor_of(run) == Monitor("acc", True)


@pytest.mark.parametrize("name", ["gate_encoder", "edges_encoder"])
def test_names_that_do_not_fit_are_damage(folder, name):
    with np.load(folder / "alphas.npz") as archive:
        arrays = dict(archive)
    arrays[name] = arrays[name][:, :-1] if name.startswith("gate") else arrays[name][:-1]
    np.savez(folder / "alphas.npz", **arrays)
    run = read_run(folder)
    assert run.alphas is None and "gate_encoder has shape" in run.damaged[0]
    assert run_page(run).sections


def test_a_sweep_by_an_error(tmp_path):
    runs = {}
    for seed, best in enumerate((0.30, 0.20, 0.25)):
        path = build(tmp_path / "sweep" / str(seed), seed=seed, best=best)
        genotype().save(path / "genotype_best.json")
        runs[str(seed)] = read_run(path)
    table, settings, metrics = comparison(runs)
    assert metrics[:4] == ["val_mse_best", "val_mse_final", "test_mse searched", "test_mse last value"]
    assert table["val_mse_best"].tolist() == pytest.approx([0.30, 0.20, 0.25])
    assert table["val_mse_final"].tolist() == pytest.approx([0.33, 0.22, 0.275])
    assert over_seeds(table, settings, metrics)["val_mse_best"].tolist() == ["0.25 ± 0.05"]
    figure = comparison_figure(
        table, ["all"] * 3, metrics, {name: run.history for name, run in runs.items()}, [Monitor("mse", False)]
    )
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:3] == [
        "Validation mse", "Best validation mse", "Test mse, searched network",
    ]  # fmt: skip
    assert [axes.get_xlabel() for axes in figure.axes][:4] == ["epoch", "less is better", "less is better", ""]
    assert len(figure.axes[0].lines) >= 3
    page = write_comparison(tmp_path / "sweep").read_text(encoding="utf-8")
    assert "best val. mse" in page and "test mse, last value" in page and "accuracy" not in page


def test_names_of_columns():
    assert (
        column_in_words("val_acc_best") == "best val. accuracy"
        and column_in_words("test_coarse_acc mine") == "test coarse acc, mine"
    )
    assert column_in_words("skips_normal") == "skips, normal" and column_in_words("seed") == "seed"
    assert title("val_acc_best") == "Best validation accuracy" and title("val_acc_final") is None
    assert title("test_acc linear baseline") is None and title("skips_reduce") == "Skip connections, reduction cell"


def test_results_of_before_are_read(folder):
    """A run that does not say what it goes by, as those of classification did not."""
    results = {"search": {"val_acc_best": 0.9, "epoch_best": 2}, "rows": [{"name": "searched", "test_acc": 0.91}]}
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "manifest.json").write_text(json.dumps({"command": "search"}))
    history = pd.read_csv(folder / "history.csv").rename(columns=lambda name: name.replace("_mse", "_acc"))
    history.to_csv(folder / "history.csv", index=False)
    told = sections.result_blocks(read_run(folder))
    assert told[0].rows[0][1] == "91.00 %" and told[1].text.startswith(
        "Best validation accuracy of the supernet: 90.00 %"
    )
