"""What the README promises: its Python runs, its commands compose, its links and lists are true."""

import json
import math
import os
import re
import shlex
import subprocess
import sys

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from readme_text import PAGES, README, ROOT, TEXT, blocks, commands, python_block

import darts_pl
from darts_pl import report
from darts_pl.assembly import launch
from darts_pl.data import digits_data
from darts_pl.forecasting import parts_factory
from darts_pl.genotype import KNOWN, Cell, Genotype
from darts_pl.models import save_model
from darts_pl.ops.series import SeriesShape
from darts_pl.spaces import CellSpace
from darts_pl.stages.architecture import summary
from darts_pl.stages.run import RunFolder

EXPERIMENTS = sorted((ROOT / "conf" / "experiment").glob("*.yaml"))


def methods() -> list[str]:
    """The experiments of the table of methods; `..._snas` stands for one in each space."""
    cells = [
        row.split("|")[2]
        for row in PAGES["darts_pl/rules/README.md"].splitlines()
        if row.startswith("| ") and row.count("|") == 5
    ]
    named = [name for cell in cells for name in re.findall(r"`([a-z0-9_.]+)`", cell)]
    whole = [name for name in named if not name.startswith("...")]
    shared = [name.removeprefix("..._") for name in named if name.startswith("...")]
    return whole + [f"{space}_{name}" for name in shared for space in ("cifar", "nasbench201")]


METHODS = methods()
SEARCHED_IN_FULL = ("cifar_smoke", "cifar_first_order", "cifar_pdarts", "nasbench201_darts", "nasbench201_drnas")
RUNNING = [
    command
    for command in commands()
    if re.match(r"python -m darts_pl\.(search|retrain|pipeline) ?(?!.*--help)", command)
]


def composed(command: str, monkeypatch) -> list:
    """The configurations that `command` would run with: composed and checked, but nothing is started."""
    words = shlex.split(command)
    monkeypatch.setattr(sys, "argv", ["darts_pl", *words[3:]])
    jobs = []
    assert launch(jobs.append, words[2].removeprefix("darts_pl.")) == 0, command
    return jobs


def test_every_command_is_looked_at():
    modules = {shlex.split(command)[2] for command in commands() if command.startswith("python -m")}
    entries = {f"darts_pl.{name}" for name in ("search", "retrain", "pipeline", "report", "benchmark")}
    assert modules == {*entries, "pytest"}
    others = {command.split()[0] for command in commands() if not command.startswith("python -m")}
    assert others <= {"pip", "tensorboard", "git", "bash", "lint-imports", "mypy", "ruff", "cd", "pre-commit"}
    assert len(RUNNING) >= 10


@pytest.mark.parametrize("command", RUNNING)
def test_commands_compose(command, reader, monkeypatch, capsys):
    jobs = composed(command, monkeypatch)
    swept = [word.split("=")[1].split(",") for word in shlex.split(command) if "," in word and " -m " in command[10:]]
    assert len(jobs) == math.prod(map(len, swept)), capsys.readouterr().err


def test_the_first_command_comes_first():
    lines = README.splitlines()
    assert lines.index("pip install . && python -m darts_pl.search") < 15 and len(lines) <= 250


def form(printed: str, folder: str) -> list[str]:
    """The lines of a printed result with what differs from run to run made the same: folder, names, figures."""
    same = re.sub(folder, "RUN", printed)
    same = re.sub(r"[a-z]+(_[a-z0-9]+)+\(\d\)", "operation", same)
    return re.sub(r" +\d+(?:[.,]\d+)*(?!\S*:)", " 0", same).splitlines()


def test_the_printed_result_has_the_form_that_the_command_prints(tmp_path):
    run = RunFolder.open(tmp_path, command="search", config={"seed": 0}, device="cpu")
    two_nodes = [Cell(cell.nodes[:2], (2, 3)) for cell in (KNOWN["DARTS_V1"].normal, KNOWN["DARTS_V1"].reduce)]
    figures = {"test_acc": 0.9861, "parameters": 63962, "seconds": 42.7}
    results = {
        "genotype_best": json.loads(Genotype(*two_nodes).to_json()),
        "monitor": "acc",
        "search": {"val_acc_best": 0.9637, "epoch_best": 9, "alpha_updates": 120, "alpha_movement": 0.1},
        "rows": [{"name": name, **figures} for name in ("searched", "random architecture", "linear baseline")],
    }
    expected, shown = summary(run, results).strip(), blocks("text")[0].strip()
    assert form(shown, r"/home/you/outputs/digits/[\d_-]+") == form(expected, re.escape(str(tmp_path)))
    widths = [{len(line) for line in text.splitlines()[4:8]} for text in (shown, expected)]
    assert widths[0] == widths[1] and len(widths[0]) == 1


def test_the_python_face_runs(reader, capsys):
    exec(compile(python_block("verbose=False"), "README, search", "exec"), {})
    assert "Cell(nodes=" in capsys.readouterr().out
    assert json.loads((reader / "genotype.json").read_text())["format"] == "darts_pl.genotype"


SHORTER = {  # the rest of its call as it is
    "num_candidates=4, search_epochs=4, final_epochs=3": "num_candidates=2, search_epochs=3, final_epochs=2",
    "max_samples=16": "max_samples=8, collect_stats=False, max_workers=1",  # each worker imports torch
}


@pytest.mark.slow
@pytest.mark.parametrize("changes", [SHORTER, {}], ids=["shorter", "as it is"])
def test_forecasting_from_python_runs(reader, changes):
    """As a script of its own, since it starts processes that import it."""
    script = python_block("multi_fidelity_search")
    for words, fewer in changes.items():
        assert script.count(words) == 1
        script = script.replace(words, fewer)
    (reader / "forecast.py").write_text(script, encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "forecast.py"], cwd=reader, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "torch.Size([1, 12, 2])" in done.stdout and "test_mse" in done.stdout


@pytest.mark.usefixtures("operations_restored")
def test_the_own_operation_is_registered(reader, monkeypatch):
    (config,) = composed(next(line for line in commands() if "my_forecasting" in line), monkeypatch)
    assert "gated_linear" in config.space.operations
    parts = parts_factory(OmegaConf.to_container(config, resolve=True))()
    space = parts.make_space({"primitives": ["gated_linear"], "hidden_dim": 8})
    shape = SeriesShape(24, 8, 2)
    found = space.network(space.random_genotype(torch.Generator().manual_seed(0)), shape, 2)
    assert found({"past": torch.rand(3, 24, 2)}).shape == (3, 8, 2)


def test_a_model_loads_as_shown(reader, capsys):
    space, data = CellSpace(init_channels=2, layers=3, num_nodes=4), digits_data()
    torch.manual_seed(0)
    network = space.network(KNOWN["DARTS_V1"], data.input_shape, data.num_classes)
    path = reader / "outputs/digits/RUN/retrain/model.safetensors"
    save_model(path, network, space, data=data, details={})
    exec(compile(python_block("model.input_shape"), "README, load", "exec"), {"darts_pl": darts_pl, "torch": torch})
    assert re.search(r"\['\d', '\d', '\d', '\d', '\d'\]", capsys.readouterr().out)


def test_the_own_primitive_is_searched_and_loaded(reader, monkeypatch):
    (config,) = composed("python -m darts_pl.search --config-dir mine space=with_1x1", monkeypatch)
    space = instantiate(config.space)
    network = space.operations["conv_1x1"](4, 2, True)
    assert network(torch.rand(2, 4, 8, 8)).shape == (2, 4, 4, 4)
    assert "conv_1x1" in space.primitives


def anchors(page: str) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        if target.startswith("https://"):
            continue
        place, _, anchor = target.partition("#")
        path = ((ROOT / name).parent / place).resolve() if place else ROOT / name
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(PAGES[path.relative_to(ROOT).as_posix()]), target


def test_the_page_of_the_architecture_names_what_exists():
    for name in re.findall(r"`([a-z_/]+(?:/|\.py))`", PAGES["darts_pl/README.md"]):
        assert (ROOT / "darts_pl" / name).exists() or (ROOT / name).exists(), name


def test_the_groups_table_lists_every_choice():
    section = PAGES["conf/README.md"]
    for folder in sorted(path for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "hydra"):
        row = next(line for line in section.splitlines() if re.match(rf"\| `\+?{folder.name}` \|", line))
        options = set(re.findall(r"`([a-z0-9_]+)`", row.split("|")[2]))
        if folder.name == "experiment":  # those of methods stand in the table of methods
            options |= set(METHODS)
        assert options == {path.stem for path in folder.glob("*.yaml")}, folder.name


def test_known_genotypes_are_named():
    assert [name for name in KNOWN if name not in TEXT] == []


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_begins_with_its_command(path, reader, monkeypatch):
    first, second, *_ = path.read_text().splitlines()
    assert first == "# @package _global_"
    command = second.removeprefix("# ")
    assert f"+experiment={path.stem}" in command
    assert f"`{path.stem}`" in TEXT or path.stem in METHODS
    if path.stem in SEARCHED_IN_FULL:
        assert composed(command, monkeypatch)[0].name == path.stem


@pytest.mark.parametrize("command", ["search", "retrain"])
def test_help_explains_itself(command, reader, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["darts_pl", "--help"])
    assert launch(lambda config: None, command) == 0
    text = capsys.readouterr().out
    for words in (
        f"python -m darts_pl.{command}",
        "+experiment=",
        "resume=",
        "relaxation: dirichlet, gumbel",
        "epochs",
    ):
        assert words in text
    assert "cifar_first_order" in text and "--config-dir" in text


def test_the_report_command_names_a_missing_folder(reader, capsys):
    assert report.main(["outputs/digits/NONE"]) == 2
    assert "NONE" in capsys.readouterr().err
