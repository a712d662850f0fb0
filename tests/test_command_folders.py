"""The folders of a command: one command at a time writes there, and a refused one leaves none behind."""

import os
import signal
import sys
from pathlib import Path

import pytest
from command_frame import build, told

from darts_pl import report
from darts_pl.commands import run_command
from darts_pl.errors import DataError
from darts_pl.stages.lock import LOCK, locked
from darts_pl.stages.manifest import MANIFEST
from darts_pl.stages.run import RunFolder

BEFORE = "hydra: {output_subdir: null, callbacks: {folders: {_target_: darts_pl.commands.folders.BeforeHydra}}, "
OUTPUTS = Path("outputs")


@pytest.fixture
def configured(conf: Path) -> Path:
    """The configuration folder of test_commands, with what conf/hydra/default.yaml adds."""
    path = conf / "search.yaml"
    path.write_text(path.read_text().replace("hydra: {", BEFORE))
    return conf


def begin(cfg) -> RunFolder:
    """As the commands do: open the folder of a run, before the data are read."""
    from hydra.core.hydra_config import HydraConfig

    return RunFolder.open(
        Path(HydraConfig.get().runtime.output_dir), command="search", config={"seed": cfg.seed}, device="cpu"
    )


def refused(cfg) -> None:
    """A command that opens its folder and finds the data bad."""
    begin(cfg)
    raise DataError("the data are bad")


def refused_with_odd_seeds(cfg) -> None:
    run = begin(cfg)
    if cfg.seed % 2:
        raise DataError("the data are bad")
    with run.stage("search"):
        pass


REFUSED = {
    "misspelt": (build, ["epoch=3"]),
    "unknown": (build, ["+foo=1"]),
    "a part that cannot be": (build, ["space.layers=0"]),
    "bad data": (refused, []),
    "a sweep of bad data": (refused, ["-m", "seed=0,1"]),
    "a sweep of unknown keys": (build, ["-m", "+foo=1,2"]),
    "a sweep that cannot be composed": (build, ["-m", "relaxation=sofmax,softmax"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_command_leaves_no_folder(name: str, configured: Path, capsys: pytest.CaptureFixture) -> None:
    task, words = REFUSED[name]
    assert run_command(task, "search", words, configured) == 2
    assert "error: " in told(capsys)
    assert not OUTPUTS.exists()


def test_what_was_there_stays(configured: Path) -> None:
    Path("mine").mkdir()
    for words in (["hydra.run.dir=mine"], ["hydra.run.dir=mine/a/b"], ["-m", "seed=0,1", "hydra.sweep.dir=mine/c"]):
        assert run_command(refused, "search", words, configured) == 2
    left = {str(path) for path in Path("mine").rglob("*")}
    assert left <= {f"mine/{name}" for name in ("config.yaml", MANIFEST)}


def test_a_run_that_had_begun_a_stage_stays(configured: Path) -> None:
    def task(cfg) -> None:
        with begin(cfg).stage("search"):
            raise DataError("found while searching")

    assert run_command(task, "search", [], configured) == 2
    assert (OUTPUTS / "run" / MANIFEST).is_file()


def test_of_a_sweep_the_refused_jobs_go(configured: Path) -> None:
    assert run_command(refused_with_odd_seeds, "search", ["-m", "seed=0,1,2,3"], configured) == 2
    assert sorted(path.name for path in (OUTPUTS / "sweep").iterdir()) == ["0", "2", "multirun.yaml"]


def snapshot(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def in_another_process(folder: Path) -> int:
    """A process that holds the lock of `folder`."""
    ready, said = os.pipe()
    if (pid := os.fork()) == 0:
        with locked(folder):
            os.write(said, b"1")
            signal.pause()
    os.read(ready, 1)
    return pid


SECOND = {
    "outputs/run": [["seed=3"], ["-m", "seed=0,1", "hydra.sweep.dir=outputs/run"]],
    "outputs/sweep": [["-m", "seed=5,6"], ["hydra.run.dir=outputs/sweep/0"], ["hydra.run.dir=outputs/sweep/9"]],
    "outputs/sweep/0": [["-m", "seed=5,6"], ["hydra.run.dir=outputs/sweep/0"]],
}


@pytest.mark.parametrize("held", SECOND)
def test_a_second_command_is_refused_before_it_writes(held: str, configured: Path, capsys) -> None:
    ran = []
    assert run_command(lambda cfg: None, "search", [], configured) == 0
    assert run_command(lambda cfg: None, "search", ["-m", "seed=0,1"], configured) == 0
    pid = in_another_process(Path(held).absolute())
    try:
        before = snapshot(OUTPUTS)
        for words in SECOND[held]:
            assert run_command(ran.append, "search", words, configured) == 2, words
            assert f"{held} is being written to by process {pid} on " in told(capsys)
        assert report.main([held]) == 2
        assert "--output FILE" in capsys.readouterr().err
        assert snapshot(OUTPUTS) == before and not ran
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert (Path(held) / LOCK).is_file()  # of the process that was killed
    assert run_command(lambda cfg: None, "search", SECOND[held][0], configured) == 0
    assert not list(OUTPUTS.rglob(LOCK))


@pytest.mark.parametrize("words", [["hydra.run.dir={}"], ["-m", "seed=0,1", "hydra.sweep.dir={}"]])
@pytest.mark.parametrize(("place", "reason"), [("file/run", "Not a directory"), ("n" * 300, "File name too long")])
def test_a_folder_that_cannot_be_made_is_told(place: str, reason: str, words: list[str], configured: Path, capsys):
    Path("file").write_text("")
    assert run_command(build, "search", [word.format(place) for word in words], configured) == 2
    message = told(capsys)
    assert f"{Path.cwd() / place} cannot be made: {reason}" in message and "hydra.run.dir=<folder>" in message
    assert "Traceback" not in message


def test_a_working_folder_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from darts_pl import benchmark, search

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(sys, "argv", ["darts_pl.search", "seed=1"])
    for main in (search.main, lambda: report.main(["run"]), lambda: benchmark.main(["modes"])):
        assert main() == 2
        assert "the working folder has vanished" in capsys.readouterr().err
