"""Commands in this process, a run that has begun, and code that tells when it was run."""

import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from darts_pl import pipeline, retrain, search
from darts_pl.assembly import launch, open_run, register
from darts_pl.hardware import Hardware

sys.path.append(str(Path(__file__).resolve().parent))

from strangers_runs import MODULE, Payload

MAIN = {"search": search.main, "retrain": retrain.main, "pipeline": pipeline.main}


def opening(config: DictConfig) -> None:
    """What every command does first."""
    open_run(config, "search", Hardware(accelerator="cpu"))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search that was stopped before its first stage."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["darts_pl.search", "alpha_warmup_epochs=0", f"hydra.run.dir={folder}"])
        assert launch(opening, "search") == 0
    return folder


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(begun, tmp_path / "run"))


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


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    """Runs a command in this process; its status and what it printed."""
    register()

    def run(name: str, *words: str) -> tuple[int, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", [f"darts_pl.{name}", *words])
        status = MAIN[name]()
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple]:
    """Runs `search` as far as its run folders; (status, whether each went on with a run, what it printed)."""

    def run(*words: str, task: Callable = opening) -> tuple[int, list[bool], str]:
        resumed = []

        def noted(config: DictConfig) -> None:
            resumed.append(config.resume is not None)
            task(config)

        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["darts_pl.search", *words])
        status = launch(noted, "search")
        printed = capsys.readouterr()
        return status, resumed, printed.out + printed.err

    return run
