"""A run folder is data: what a stranger puts into one is neither run nor does it lead a run out of its folder."""

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from darts_pl import pipeline, retrain, search
from darts_pl.assembly import launch, open_run, register
from darts_pl.hardware import Hardware
from darts_pl.paths import conf_dir
from darts_pl.stages.provenance import config_digest

MAIN = {"search": search.main, "retrain": retrain.main, "pipeline": pipeline.main}
MODULE = """
from pathlib import Path

Path({marker!r}).touch()
from darts_pl.data import digits_data as Data
from darts_pl.spaces import CellSpace as Space


def go(*arguments, **named):
    return Path({marker!r}).touch()
"""
Snapshot = dict[str, bytes]


class Payload:
    """Its pickle makes a file when it is read."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple:
        return (os.system, (f"touch {self.marker}",))


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that appears once foreign code has run: the module `strangers` or the pickle payload.pkl, both here."""
    marker = tmp_path / "it_has_run"
    (tmp_path / "strangers.py").write_text(MODULE.format(marker=str(marker)))
    (tmp_path / "payload.pkl").write_bytes(pickle.dumps(Payload(marker)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "strangers", raising=False)
    return marker


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search that was stopped before its first stage."""
    folder = tmp_path_factory.mktemp("begun") / "run"

    def task(config: DictConfig) -> None:
        open_run(config, "search", Hardware(accelerator="cpu"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["darts_pl.search", "epochs=1", f"hydra.run.dir={folder}"])
        assert launch(task, "search") == 0
    return folder


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(begun, tmp_path / "run"))


def rewritten(run: Path, **manifest: object) -> None:
    """Change what the manifest of `run` says."""
    told = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**told, **manifest}))


def forged(run: Path, overrides: list[str], command: str = "search") -> None:
    """Let `run` say that `overrides` started it, as whoever hands it on can: with the digest that belongs to them."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = OmegaConf.to_container(compose(command, [*overrides, f"resume={run}"]), resolve=True)
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    rewritten(run, command=command, overrides=overrides, config_sha256=config_digest(config))


def content(folder: Path) -> Snapshot:
    """Every file below `folder` and what it holds."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    """Runs a command in this process; its status and what it printed."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    register()

    def run(name: str, *words: str) -> tuple[int, str]:
        capsys.readouterr()
        sys.argv = [f"darts_pl.{name}", *words]
        status = MAIN[name]()
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


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


@pytest.mark.parametrize("kind", CODE)
def test_a_folder_runs_no_code(kind: str, run: Path, command: Callable, marker: Path) -> None:
    overrides, told = CODE[kind]
    forged(run, overrides)
    before = content(Path.cwd())
    status, printed = command("search", f"resume={run}")
    assert status == 2 and not marker.exists() and "Traceback" not in printed
    assert told in printed and f"{run}/manifest.json" in printed
    assert "trust=true" in printed and "python -m darts_pl.search " in printed
    assert content(Path.cwd()) == before


HYDRA = [
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
