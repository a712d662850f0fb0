"""A whole search of this space as a command on real CIFAR-10, and what it writes, shows and hands over."""

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import darts_pl
from darts_pl import search
from darts_pl.genotype import Nasbench201Genotype, read
from darts_pl.genotype.nasbench201 import EDGES
from darts_pl.reports import alphas, cell_graph, cell_layout, style
from darts_pl.reports.run_files import read_run
from darts_pl.reports.sections import architecture_blocks
from darts_pl.stages.sizes import paper_size

WORDS = [
    *("space=nasbench201", "derivation=strongest", "data=cifar10", "space.init_channels=2", "space.layers=1"),
    *("data.limit_train=200", "data.limit_test=40", "hardware.threads=1", "hardware.accelerator=cpu", "batch_size=50"),
    *("epochs=2", "alpha_warmup_epochs=0", "retraining=smoke", "retraining.epochs=1", "retraining.init_channels=2"),
    *("retraining.layers=3", "retraining.auxiliary=true", "retraining.drop_path=0.2", "guards=false"),
]
PRIMITIVES = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, real_data) -> tuple[Path, str]:
    """(run folder, what was printed)."""
    folder, printed = tmp_path_factory.mktemp("nasbench201") / "run", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setenv("DARTS_PL_DATA", str(real_data))
        patch.setattr(sys, "argv", ["darts_pl.search", *WORDS, f"hydra.run.dir={folder}"])
        assert search.main() == 0
    return folder, printed.getvalue()


def test_files_agree_with_each_other(finished):
    folder, printed = finished
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    genotype = read(folder)
    assert isinstance(genotype, Nasbench201Genotype)
    assert results["genotype_best"] == json.loads(genotype.to_json())
    assert results["derived_parameters_paper_size"] == paper_size(genotype)
    assert "published" not in results
    assert [row["name"] for row in results["rows"]] == ["searched", "random architecture", "linear baseline"]
    for edge, name in zip(EDGES, genotype.operations):
        assert f"{name}({edge[1]})" in printed
    history = pd.read_csv(folder / "history.csv")
    last = read(folder / "genotype_last.json")
    assert history["skips_cell"].iloc[-1] == last.operations.count("skip_connect")
    assert history["entropy_cell"].between(0, np.log(5) + 1e-6).all() and (history["alpha_movement"] > 0).all()
    with np.load(folder / "alphas.npz") as archive:
        assert archive["gate_cell"].shape == (3, 6, 5)
        strongest = archive["gate_cell"][-1].argmax(axis=1)
        assert list(archive["edges"]) == [f"{node}<-{source}" for node, source in EDGES]
    assert tuple(PRIMITIVES[k] for k in strongest) == last.operations


def test_the_saved_model_is_loaded_and_gives_the_reported_accuracy(finished, real_data, monkeypatch):
    folder, _ = finished
    monkeypatch.setenv("DARTS_PL_DATA", str(real_data))
    model = darts_pl.load(folder)
    assert model.genotype == read(folder)
    (row, *_) = json.loads((folder / "results.json").read_text(encoding="utf-8"))["rows"]
    data = darts_pl.data.cifar10_data(purpose="retrain", batch_size=8, seed=0, limit_train=200, limit_test=40)
    x, y = data.test_arrays()
    with torch.no_grad():
        found = model(torch.from_numpy(x).permute(0, 3, 1, 2)).argmax(dim=1).numpy()
    assert (found == y).mean() == pytest.approx(row["test_acc"], abs=1e-6)


def test_the_page_and_tensorboard_show_the_one_cell(finished):
    folder, _ = finished
    page, genotype = (folder / "report.html").read_text(encoding="utf-8"), read(folder)
    for words in (genotype.digits, genotype.text, "Cell of the best epoch"):
        assert words in page
    assert "could not be read" not in page.lower() and "Normal cell" not in page and "published" not in page
    board = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert set(board.Tags()["images"]) == {f"search_pictures/{name}" for name in ("alphas_cell", "gates_cell", "cells")}
    gates = {f"search_gates/cell/{node}_from_{source}/{name}" for node, source in EDGES for name in PRIMITIVES}
    assert gates <= set(board.Tags()["scalars"])
    run = read_run(folder)
    assert list(run.gates) == ["cell"] and not run.missing and not run.damaged
    assert len(architecture_blocks(run)) == 1


@pytest.mark.parametrize("digits", ["334131", "000000", "111111"])
def test_the_cell_is_drawn_from_one_input_to_one_output(digits):
    cell = Nasbench201Genotype.from_digits(digits).cells["cell"]
    places = cell_layout.layout_cell(cell)
    assert sorted(places.states) == [0, 1, 2, 3, 4] and len(places.operations) == 6
    assert [source for source, kind, _ in places.routes if kind == "concat"] == [3]
    assert cell_graph.cell_svg(cell, "Cell").startswith("<svg")


def test_labels_count_states_from_the_one_input():
    edges = [f"{node}<-{source}" for node, source in EDGES]
    assert [style.edge_label(edge) for edge in edges] == ["0 → 1", "0 → 2", "1 → 2", "0 → 3", "1 → 3", "2 → 3"]
    figure = alphas.gate_heatmap(np.eye(6, 5), edges, PRIMITIVES, "Cell")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:3] == ["0 → 1", "0 → 2", "1 → 2"]
    cell = Nasbench201Genotype.from_digits("012340").cells["cell"]
    assert alphas.chosen_places(cell, edges, PRIMITIVES) == {(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 0)}
