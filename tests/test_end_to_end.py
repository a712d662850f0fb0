"""One whole search as a command, everything on: what it prints, writes, shows and hands over agrees with itself."""

import contextlib
import io
import json
import re
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import darts_pl
from darts_pl import genotype as genotypes
from darts_pl import report, search
from darts_pl.data import digits_data
from darts_pl.reports.run_page import SECTIONS

LIMITS = {"limit_train": 200, "limit_test": 100}
SMALL = [
    *(f"+data.{key}={value}" for key, value in LIMITS.items()),
    "hardware.threads=1",
    "hardware.accelerator=cpu",
    "batch_size=32",
    "space.layers=3",
    "space.init_channels=2",
    "alpha_warmup_epochs=0",
]
WHOLE = [
    *SMALL,
    "epochs=2",
    "retraining.epochs=4",
    "retraining.batch_size=16",
    "retraining.init_channels=4",
    "retraining.layers=3",
]
SWEEP = [
    *SMALL,
    "epochs=1",
    "space.num_nodes=1",
    "space.primitives=[none,skip_connect,avg_pool_3x3,dil_conv_3x3]",
    "retraining=none",
    "seed=0,1",
]
NAMES = ["searched", "random architecture", "linear baseline"]
STAGES = dict(zip(NAMES, ("retrain", "random", "linear")))
KINDS = ("normal", "reduce")


def command(*words: str) -> str:
    """What `python -m darts_pl.search` prints with these words, run in this process."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", ["darts_pl.search", *words])
        assert search.main() == 0
    return printed.getvalue()


def closing_lines(printed: str) -> str:
    """What is printed when all is done, without the log before it."""
    return printed[printed.index("Genotype (") :]


@dataclass
class Finished:
    """A finished run: its folder and what was printed."""

    path: Path
    printed: str

    def json(self, name: str) -> dict:
        """The content of a JSON file of the run."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    @cached_property
    def rows(self) -> dict[str, dict]:
        """The rows of results.json by name."""
        return {row["name"]: row for row in self.json("results.json")["rows"]}

    def events(self, folder: str) -> EventAccumulator:
        """What TensorBoard reads in a folder of the run."""
        found = EventAccumulator(str(self.path / folder), size_guidance={"scalars": 0, "images": 0})
        return found.Reload()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The search, derivation, retraining, random architecture and linear baseline, once for all tests that read it."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return Finished(folder, command(*WHOLE, f"hydra.run.dir={folder}"))


@pytest.fixture(scope="module")
def board(run: Finished) -> EventAccumulator:
    """What TensorBoard shows of the search."""
    return run.events("tensorboard")


def test_the_printed_table_holds_the_results(run):
    found = re.findall(r"^(\w+ ?\w+) {2,}([\d.]+)% +([\d,]+) +([\d.]+)$", run.printed, re.MULTILINE)
    assert [name for name, *_ in found] == NAMES
    for name, accuracy, parameters, seconds in found:
        row = run.rows[name]
        assert accuracy == f"{100 * row['test_acc']:.1f}"
        assert int(parameters.replace(",", "")) == row["parameters"]
        assert float(seconds) == row["seconds"]


def test_the_printed_paths_exist(run):
    places = dict(re.findall(r"^(Run folder|Genotype|Model|Report) +(/\S+)", run.printed, re.MULTILINE))
    assert list(places) == ["Run folder", "Genotype", "Model", "Report"]
    assert all(Path(path).exists() for path in places.values())
    assert Path(places["Run folder"]) == run.path


def test_the_results_equal_what_the_stages_recorded(run):
    stages = run.json("manifest.json")["stages"]
    assert all(entry["status"] == "complete" for entry in stages.values())
    for name, stage in STAGES.items():
        figures = stages[stage]["figures"]
        assert {key: run.rows[name][key] for key in figures} == figures
    history = pd.read_csv(run.path / "history.csv")
    found = run.json("results.json")["search"]
    assert found["val_acc_best"] == history["val_acc"].max()
    assert found["epoch_best"] == history["epoch"][history["val_acc"].idxmax()]
    assert found["alpha_updates"] == history["alpha_updates"].iloc[-1] == 8  # two epochs of 100 images by 32


@pytest.mark.parametrize("name", ["searched", "random architecture"])
def test_the_parameters_are_those_of_the_saved_model(run, name):
    tensors = load_file(run.path / STAGES[name] / "model.safetensors")
    trained = {key: value for key, value in tensors.items() if not re.search(r"running_|num_batches", key)}
    assert sum(value.numel() for value in trained.values()) == run.rows[name]["parameters"]


def test_the_genotype_is_the_same_everywhere(run):
    best = genotypes.read(run.path / "genotype_best.json")
    assert best == genotypes.read(run.path / "retrain" / "genotype.json") == darts_pl.load(run.path).genotype
    assert json.loads(best.to_json()) == run.json("results.json")["genotype_best"]
    epoch = run.json("results.json")["search"]["epoch_best"]
    assert best == genotypes.read(run.path / "genotypes" / f"epoch_{epoch:03d}.json")
    assert best != genotypes.read(run.path / "random" / "genotype.json")


def test_the_loaded_model_reaches_the_accuracy_in_the_results(run):
    images, labels = digits_data(purpose="retrain", **LIMITS).test_arrays()
    model = darts_pl.load(run.path)
    with torch.inference_mode():
        found = model(torch.from_numpy(images).permute(0, 3, 1, 2)).argmax(dim=1).numpy()
    assert len(labels) == 100
    assert float((found == labels).mean()) == pytest.approx(run.rows["searched"]["test_acc"], abs=1e-6)
    assert run.rows["searched"]["test_acc"] > 0.2  # twice chance, so that weights that were not loaded would show


def test_tensorboard_has_every_column_of_the_history(run, board):
    history = pd.read_csv(run.path / "history.csv")
    for column in history.columns.drop("epoch"):
        group = "search" if not column.startswith(("train_", "val_")) else "loss" if "loss" in column else "metric"
        events = board.Scalars(f"{group}/{column}")
        assert [event.step for event in events] == [1, 2], column
        assert [event.value for event in events] == pytest.approx(history[column].tolist(), rel=1e-6), column


@pytest.mark.parametrize("what", ["alpha", "gate"])
def test_tensorboard_has_a_curve_of_every_edge_and_operation(run, board, what):
    with np.load(run.path / "alphas.npz") as arrays:
        edges, primitives = arrays["edges"].tolist(), arrays["primitives"].tolist()
        values = {kind: arrays[f"{what}_{kind}"] for kind in KINDS}
    curves = {tag for tag in board.Tags()["scalars"] if tag.startswith(f"search_{what}s/")}
    assert len(curves) == 2 * len(edges) * len(primitives) == 2 * 5 * 8
    for kind in KINDS:
        for edge, operation in np.ndindex(len(edges), len(primitives)):
            tag = f"search_{what}s/{kind}/{edges[edge].replace('<-', '_from_')}/{primitives[operation]}"
            found = [event.value for event in board.Scalars(tag)]
            np.testing.assert_allclose(found, values[kind][1:, edge, operation], rtol=1e-6)


def test_tensorboard_shows_heat_maps_and_cells_of_each_epoch(board):
    names = {f"{what}_{kind}" for what in ("alphas", "gates") for kind in KINDS} | {"cells"}
    wanted = {f"search_pictures/{name}" for name in names}
    assert set(board.Tags()["images"]) == wanted
    for tag in wanted:
        images = board.Images(tag)
        assert [image.step for image in images] == [1, 2]
        assert min(images[0].width, images[0].height) > 100


def settings_shown(board: EventAccumulator) -> set[str]:
    """The columns of settings in TensorBoard's table of hyperparameters."""
    told = board.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    return set(HParamsPluginData.FromString(told).session_start_info.hparams)


def test_tensorboard_shows_losses_first_and_a_chart_an_edge(run, board):
    tags = board.Tags()
    assert sorted([*tags["scalars"], *tags["images"]])[0].startswith("loss/")
    (event,) = board.Tensors("custom_scalars__config__")
    layout = Layout.FromString(event.tensor_proto.string_val[0])
    charts = {
        chart.title: list(chart.multiline.tag)
        for part in layout.category
        if part.title == "gates, normal"
        for chart in part.chart
    }
    with np.load(run.path / "alphas.npz") as arrays:
        edges, primitives = arrays["edges"].tolist(), arrays["primitives"].tolist()
    assert list(charts) == [edge.replace("<-", "_from_") for edge in edges]
    (pattern,) = charts["3_from_2"]
    drawn = [tag for tag in tags["scalars"] if re.fullmatch(pattern, tag)]
    assert sorted(drawn) == sorted(f"search_gates/normal/3_from_2/{name}" for name in primitives)


def test_tensorboard_has_the_settings_beside_the_final_figures(run, board):
    assert settings_shown(board) == {"seed", *(word.lstrip("+").split("=")[0] for word in WHOLE)}
    for name in NAMES:
        (event,) = board.Scalars(f"test_acc/{name.replace(' ', '_')}")
        assert event.value == pytest.approx(run.rows[name]["test_acc"])
    assert "loss/train_loss" in run.events("retrain/tensorboard").Tags()["scalars"]


def test_the_report_has_every_section_and_the_numbers(run):
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page) == [title for title, _ in SECTIONS]
    for row in run.rows.values():
        assert f"{100 * row['test_acc']:.2f} %" in page and f"{row['parameters']:,}" in page
    assert "Not in the run folder" not in page and "Could not be read" not in page and "has not finished" not in page


def test_going_on_with_a_finished_run_changes_nothing(run, tmp_path):
    again = tmp_path / run.path.name
    shutil.copytree(run.path, again)
    kept = ["history.csv", "timing.csv", "alphas.npz", "results.json", "genotype_best.json"]
    kept += [f"{stage}/{name}" for stage in ("retrain", "random") for name in ("history.csv", "model.safetensors")]
    printed = command(f"resume={again}")
    assert re.search(r"epoch \d/\d", run.printed) and not re.search(r"epoch \d/\d", printed)
    assert closing_lines(printed.replace(str(again), str(run.path))) == closing_lines(run.printed)
    for name in kept:
        assert (again / name).read_bytes() == (run.path / name).read_bytes(), name
    page = (again / "report.html").read_text(encoding="utf-8")  # which names its folder
    assert page.replace(str(again), str(run.path)) == (run.path / "report.html").read_text(encoding="utf-8")
    stages = json.loads((again / "manifest.json").read_text())["stages"]
    assert stages == run.json("manifest.json")["stages"]


def test_a_sweep_is_compared_by_the_report(tmp_path, capsys):
    folder = tmp_path / "sweep"
    command("-m", *SWEEP, f"hydra.sweep.dir={folder}")
    capsys.readouterr()
    assert report.main([str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "report.html")
    table = pd.read_csv(folder / "comparison.csv")
    assert table["seed"].tolist() == [0, 1] and table["status"].tolist() == ["complete"] * 2
    found = [json.loads((folder / name / "results.json").read_text())["search"] for name in ("0", "1")]
    assert table["val_acc_best"].tolist() == pytest.approx([entry["val_acc_best"] for entry in found])
    assert table["alpha_movement"].tolist() == pytest.approx([entry["alpha_movement"] for entry in found])
    assert table["alpha_movement"].nunique() == 2  # the seeds made a difference
    assert "too few runs" in (folder / "report.html").read_text(encoding="utf-8")
    assert "Not in the run folder" not in (folder / "0" / "report.html").read_text(encoding="utf-8")
    board = EventAccumulator(str(folder / "0" / "tensorboard")).Reload()
    assert settings_shown(board) == {"seed"}  # all that the runs differ in
