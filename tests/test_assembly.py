"""A run that was started with configuration files of the user's own goes on where they are named again or trusted."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from darts_pl.assembly import launch, open_run
from darts_pl.hardware import Hardware

OWN = "defaults: [digits]\nlayers: 5\n"
Launch = Callable[..., list]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launch:
    """Runs the command `search` up to its run folders, in a folder with `mine/space/own.yaml`; what it opened."""
    (tmp_path / "it's mine" / "space").mkdir(parents=True)
    (tmp_path / "it's mine" / "space" / "own.yaml").write_text(OWN)
    (tmp_path / "elsewhere").mkdir()
    opened = []

    def task(config: DictConfig) -> None:
        run = open_run(config, "search", Hardware(accelerator="cpu"))
        opened.append((run.path.resolve(), run.resumed, config.space.layers, config.epochs))

    def run(*arguments: str, cwd: str = ".", status: int = 0) -> list:
        opened.clear()
        monkeypatch.chdir(tmp_path / cwd)
        monkeypatch.setattr(sys, "argv", ["darts_pl.search", *arguments])
        assert launch(task, "search") == status
        return list(opened)

    return run


GIVEN = {
    "an option": ["--config-dir", "it's mine"],
    "an option in one word": ["--config-dir=it's mine"],
    "its short form": ["-cd", "it's mine"],
    "a search path": ["hydra.searchpath=['file://it\\'s mine']"],
}


@pytest.mark.parametrize("kind", GIVEN)
def test_a_run_goes_on_from_anywhere(started: Launch, tmp_path: Path, kind: str) -> None:
    run = (tmp_path / "run").resolve()
    assert started(*GIVEN[kind], "space=own", "epochs=3", f"hydra.run.dir={run}") == [(run, False, 5, 3)]
    assert started(f"resume={run}", cwd="elsewhere", status=2) == []
    assert started(f"resume={run}", "trust=true", cwd="elsewhere") == [(run, True, 5, 3)]
    assert started(*GIVEN[kind], f"resume={run}") == [(run, True, 5, 3)]


@pytest.mark.parametrize("kind", ["an option", "a search path"])
def test_a_sweep_goes_on_from_anywhere(started: Launch, tmp_path: Path, kind: str) -> None:
    sweep = (tmp_path / "sweep").resolve()
    expected = [(sweep / "0", 5, 1), (sweep / "1", 5, 2)]
    for arguments, resumed, cwd in (
        (["-m", *GIVEN[kind], "space=own", "epochs=1,2", f"hydra.sweep.dir={sweep}"], False, "."),
        (["-m", f"resume={sweep}", "trust=true"], True, "elsewhere"),
        (["-m", *GIVEN[kind], f"resume={sweep}"], True, "."),
    ):
        found = started(*arguments, cwd=cwd)
        assert [(path, layers, epochs) for path, _, layers, epochs in found] == expected
        assert {on for _, on, _, _ in found} == {resumed}, arguments


def test_a_folder_named_again_is_taken_instead(started: Launch, tmp_path: Path) -> None:
    run = (tmp_path / "run").resolve()
    started("--config-dir", "it's mine", "space=own", f"hydra.run.dir={run}")
    (tmp_path / "it's mine").rename(tmp_path / "moved")
    assert started(f"resume={run}", status=2) == []
    for option in (["--config-dir", "moved"], ["--config-dir=moved"], ["-cd", "moved"]):
        assert [found[:3] for found in started(*option, f"resume={run}")] == [(run, True, 5)]
