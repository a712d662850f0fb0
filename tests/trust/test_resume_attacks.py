"""A run folder is data: what a stranger puts into one is neither run nor does it lead a run out of its folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from strangers_runs import content, forged, rewritten

QUICK = ("a pickle as data", "one's own network", "hidden by interpolation", "the environment")
CODE = {
    "a pickle as data": (
        [
            "data._target_=pandas.read_pickle",
            "+data.filepath_or_buffer=payload.pkl",
            "~data.flip",
            "~data.crop_padding",
        ],
        "data._target_=pandas.read_pickle",
    ),
    "one's own network": (["space=module", "space.target=strangers.go"], "space.target=strangers.go"),
    "one's own data": (["data=module", "data.target=strangers.Data"], "data.target=strangers.Data"),
    "an operation": (
        ["space.operations={mine: {_target_: strangers.go, _partial_: true}}"],
        "space.operations.mine._target_=strangers.go",
    ),
    "a loss within a task": (
        ["+task._target_=darts_pl.tasks.Custom", "+task.loss={_target_: strangers.go}", "+task.metrics={}"],
        "task.loss._target_=strangers.go",
    ),
    "hidden by interpolation": (["space._target_=${name}", "name=strangers.Space"], "space._target_=strangers.Space"),
    "hidden in a mapping": (["+relaxation.inner={deep: [{_target_: strangers.go}]}"], "strangers.go"),
    "a whole node by interpolation": (
        ["space.operations=${hypergradient.aside}", "+hypergradient.aside={x: {_target_: strangers.go}}"],
        "_target_=strangers.go",
    ),
    "positional arguments": (["+hypergradient._args_=[{_target_: strangers.go}]"], "strangers.go"),
    "an added key": (["+retraining.optimizer._target_=strangers.go"], "retraining.optimizer._target_=strangers.go"),
    "a function of ours that writes": (
        ["data._target_=darts_pl.paths.write_text_atomically", "+data.path=outside", "+data.text=x"],
        "data._target_=darts_pl.paths.write_text_atomically",
    ),
    "a module reached through ours": (["data._target_=darts_pl.paths.os.system", "+data.command=x"], "os.system"),
    "the environment": (["name=${oc.env:HOME}"], "name=${oc.env:HOME}"),
    "the time": (["name='${now:%Y}'"], "name='${now:%Y}'"),
    "trust that the folder claims": (["trust=true", "space=module", "space.target=strangers.go"], "strangers.go"),
}


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in CODE]
)
def test_a_folder_runs_no_code(kind: str, run: Path, command: Callable, marker: Path) -> None:
    overrides, told = CODE[kind]
    forged(run, overrides)
    before = content(Path.cwd())
    status, printed = command("search", f"resume={run}")
    assert status == 2 and not marker.exists() and "Traceback" not in printed
    assert told in printed and f"{run}/manifest.json" in printed
    assert "trust=true" in printed and "python -m darts_pl.search " in printed
    assert content(Path.cwd()) == before


HYDRA = [  # Hydra's own settings, options of the command line, files by a path
    "hydra.run.dir=outside",
    "++hydra.run.dir=outside",
    "hydra.sweep.dir=outside",
    "hydra.sweep.subdir=../outside",
    "hydra.job_logging.handlers.file.filename=outside",
    "hydra.output_subdir=outside",
    "+hydra.callbacks.mine._target_=strangers.go",
    "hydra.searchpath=[file://strangers]",
    "hydra.mode=MULTIRUN",
    "hydra/launcher=joblib",
    "hydra/job_logging=default",
    "hydra={run: {dir: outside}}",
    "~hydra.run",
    "+data@hydra.run=digits",
    "+data@_global_.hydra=digits",
    "--config-dir=strangers",
    "--config-path=strangers",
    "-m",
    "--multirun",
    "no override",
    "+experiment=../../strangers/evil",
    "+experiment=/strangers/evil",
    "rule=[../../strangers/evil]",
    "phases=[{layers: 3}]",
]


@pytest.mark.parametrize("override", HYDRA)
def test_a_folder_does_not_set_up_hydra(override: str, run: Path, command: Callable, marker: Path) -> None:
    rewritten(run, overrides=["epochs=1", override])
    before = content(Path.cwd())
    for words in ([], ["trust=true"]):
        status, printed = command("search", f"resume={run}", *words)
        assert status == 2 and repr(override) in printed and "Traceback" not in printed
        assert content(Path.cwd()) == before and not marker.exists()


def test_a_folder_names_no_configuration_files(run: Path, command: Callable, marker: Path) -> None:
    evil = run / "evil" / "space"
    evil.mkdir(parents=True)
    (evil / "own.yaml").write_text("_target_: strangers.Space\n")
    for folders, told in (
        ({"config_dir": str(run / "evil"), "searchpath": []}, str(run / "evil")),
        ({"config_dir": None, "searchpath": [f"file://{run}/evil"]}, str(run / "evil")),
        ({"config_dir": None, "searchpath": ["pkg://strangers"]}, "pkg://strangers"),
    ):
        rewritten(run, overrides=["space=own"], config_folders=folders)
        before = content(Path.cwd())
        status, printed = command("search", f"resume={run}")
        assert status == 2 and f"configuration files of {told}" in printed and "trust=true" in printed
        assert content(Path.cwd()) == before and not marker.exists()


def test_an_edited_configuration_is_refused(run: Path, command: Callable, marker: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"] = {"_target_": "pandas.read_pickle", "filepath_or_buffer": "payload.pkl"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    status, printed = command("search", f"resume={run}", "+data.limit_train=96")
    assert status == 2 and "another configuration" in printed
    status, printed = command("search", f"resume={run}")
    assert status == 2 and "config.yaml" in printed and "edited or damaged" in printed and not marker.exists()


@pytest.mark.parametrize(
    ("command_name", "overrides", "told"),
    [
        ("pipeline", ["data=co2", "space.imports=[strangers]"], "space.imports=strangers"),
        ("pipeline", ["data=co2", "final_optimizer._target_=strangers.go"], "final_optimizer._target_=strangers.go"),
        ("retrain", ["genotype=DARTS_V2", "space=module", "space.target=strangers.go"], "space.target=strangers.go"),
    ],
)
def test_other_commands_run_no_code(
    command_name: str, overrides: list[str], told: str, run: Path, command: Callable, marker: Path
) -> None:
    forged(run, overrides, command_name)
    before = content(Path.cwd())
    status, printed = command(command_name, f"resume={run}")
    assert status == 2 and told in printed and f"darts_pl.{command_name} " in printed
    assert content(Path.cwd()) == before and not marker.exists()


SWEEPS = {
    "code in one of the jobs": ["data=digits,module", "data._target_=darts_pl.data.digits_data,strangers.Data"],
    "code in all": ["data._target_=strangers.Data", "seed=range(0,1000000000)"],
    "Hydra": ["seed=1,2", "hydra.sweep.dir=outside"],
    "the environment": ["name=a,${oc.env:HOME}"],
}


@pytest.mark.parametrize("kind", SWEEPS)
def test_a_sweep_is_data_too(kind: str, tmp_path: Path, command: Callable, marker: Path) -> None:
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    runtime = {"cwd": str(tmp_path), "config_sources": [{"path": "", "schema": "structured", "provider": "schema"}]}
    told = {"hydra": {"overrides": {"task": SWEEPS[kind]}, "runtime": runtime}}
    (sweep / "multirun.yaml").write_text(yaml.safe_dump(told))
    before = content(tmp_path)
    status, printed = command("search", "-m", f"resume={sweep}")
    assert status == 2 and "multirun.yaml" in printed and "Traceback" not in printed
    assert content(tmp_path) == before and not marker.exists()


def test_a_sweep_with_configuration_files_is_asked_about(tmp_path: Path, command: Callable) -> None:
    runtime = {"cwd": "/", "config_sources": [{"path": "evil", "schema": "file", "provider": "command-line"}]}
    told = {"hydra": {"overrides": {"task": ["seed=1,2"]}, "runtime": runtime}}
    (tmp_path / "multirun.yaml").write_text(yaml.safe_dump(told))
    status, printed = command("search", "-m", f"resume={tmp_path}")
    assert status == 2 and "configuration files of /evil" in printed


LINKS = ["search.log", "history.csv", "config.yaml", "retrain", "checkpoints/last.ckpt", "tensorboard", "workers.log"]


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("there", [True, False])
def test_a_run_writes_through_no_link(name: str, there: bool, run: Path, command: Callable, tmp_path: Path) -> None:
    outside = tmp_path / "home" / "thing"
    outside.parent.mkdir()
    if there:
        outside.mkdir() if name in ("retrain", "tensorboard") else outside.write_text("mine")
    link = run / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(outside, link.parent))
    before = content(tmp_path)
    status, printed = command("search", f"resume={run}")
    assert status == 2 and f"{run}: {name} is a link to ../" in printed and "trust=true" in printed
    assert content(tmp_path) == before


def test_a_pipe_is_not_opened(run: Path, command: Callable) -> None:
    (run / "search.log").unlink(missing_ok=True)
    os.mkfifo(run / "search.log")
    status, printed = command("search", f"resume={run}")
    assert status == 2 and "search.log is neither a file nor a folder" in printed
