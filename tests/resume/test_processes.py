"""Real commands stopped by kill -9, Ctrl-C and SIGTERM, then gone on with: what is found equals the whole run's."""

import os
import random
import shlex
import signal
import time
from pathlib import Path

import pytest
from commands import RETRAIN, SEARCH, finish, start, stop_at
from tiny_runs import assert_same_run, load_final

KILLS, SEED = 2, 20
EVERY_STEP = "checkpoint_every_s=0"
COMMANDS = {"search": (SEARCH, "run"), "retrain": (RETRAIN, "run/retrain")}


def assert_same_command(command: str, found: Path, expected: Path) -> None:
    """The results of two runs of a command are the same."""
    fit = Path(COMMANDS[command][1])
    assert_same_run(found / fit, expected / fit)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both commands uninterrupted, side by side, each in a folder of its name."""
    folder = tmp_path_factory.mktemp("whole")
    started = {
        name: start(name, [*arguments, "hydra.run.dir=run"], folder / name) for name, (arguments, _) in COMMANDS.items()
    }
    for name, process in started.items():
        finish(process, folder / name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", ["search", "retrain"])
def test_killed_at_random_moments(command: str, whole: Path, tmp_path: Path) -> None:
    """Steps between kills are drawn with a fixed seed; the moment within a step is the machine's own."""
    arguments, fit = COMMANDS[command]
    point = tmp_path / fit / "checkpoints" / "last.ckpt"
    draw = random.Random(SEED)
    process = start(command, [*arguments, EVERY_STEP, "hydra.run.dir=run"], tmp_path)
    for _ in range(KILLS):
        assert stop_at(process, point, draw.randint(2, 5), signal.SIGKILL), finish(process, tmp_path)
        process.join(timeout=60)
        assert process.exitcode == -signal.SIGKILL
        process = start(command, ["resume=run"], tmp_path)
    finish(process, tmp_path)
    assert_same_command(command, tmp_path, whole / command)


@pytest.mark.parametrize(
    ("command", "stop", "status"),
    [("search", signal.SIGINT, 130), pytest.param("retrain", signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_a_stopped_command_says_how_to_go_on(
    command: str, stop: signal.Signals, status: int, whole: Path, tmp_path: Path
) -> None:
    arguments, fit = COMMANDS[command]
    folder = tmp_path / "a folder=odd"  # its path needs Hydra's quotes
    process = start(command, [*arguments, EVERY_STEP, "hydra.run.dir=run"], folder)
    assert stop_at(process, folder / fit / "checkpoints" / "last.ckpt", 4, stop)
    words = finish(process, folder, status)
    assert "Traceback" not in words
    assert not (folder / fit / "checkpoints" / "final.ckpt").exists()

    printed = next(line for line in words.splitlines() if line.startswith("stopped; continue with: "))
    python, module_option, module, *rest = shlex.split(printed.removeprefix("stopped; continue with: "))
    assert (python, module_option, module) == ("python", "-m", f"darts_pl.{command}")
    finish(start(command, rest, folder), folder)
    assert_same_command(command, folder, whole / command)


@pytest.mark.slow
def test_a_sweep_goes_on_where_it_stopped(whole: Path, tmp_path: Path) -> None:
    """Two jobs: the first is finished when the second is killed; going on leaves the first as it is."""
    sweep = tmp_path / "sweep"
    jobs = ["-m", *SEARCH, "seed=0,1", EVERY_STEP]
    process = start("search", [*jobs, "hydra.sweep.dir=sweep"], tmp_path)
    assert stop_at(process, sweep / "1" / "checkpoints" / "last.ckpt", 3, signal.SIGKILL), finish(process, tmp_path)
    process.join(timeout=60)
    first = (sweep / "0" / "checkpoints" / "final.ckpt").stat().st_mtime_ns
    assert not (sweep / "1" / "checkpoints" / "final.ckpt").exists()

    finish(start("search", ["-m", "resume=sweep"], tmp_path), tmp_path)
    assert (sweep / "0" / "checkpoints" / "final.ckpt").stat().st_mtime_ns == first
    assert_same_run(sweep / "0", whole / "search" / "run")
    assert load_final(sweep / "1")["steps_done"] == load_final(sweep / "0")["steps_done"]


def wait_for(path: Path, process) -> None:
    while not path.exists():
        assert process.is_alive()
        time.sleep(0.01)


@pytest.mark.slow
def test_of_two_resumes_one_is_refused_and_the_other_undisturbed(whole: Path, tmp_path: Path) -> None:
    first = start("search", [*SEARCH, EVERY_STEP, "hydra.run.dir=run"], tmp_path)
    wait_for(tmp_path / "run" / "checkpoints" / "last.ckpt", first)
    os.kill(first.pid, signal.SIGSTOP)  # so that it does not end meanwhile
    elsewhere = tmp_path / "elsewhere"
    words = finish(start("search", [f"resume={tmp_path / 'run'}"], elsewhere), elsewhere, 2)
    assert f"run is being written to by process {first.pid} on" in words
    os.kill(first.pid, signal.SIGCONT)
    finish(first, tmp_path)
    assert_same_command("search", tmp_path, whole / "search")


@pytest.mark.slow
def test_a_run_whose_folder_vanished_goes_on_once_it_is_back(whole: Path, tmp_path: Path) -> None:
    process = start("search", [*SEARCH, EVERY_STEP, "hydra.run.dir=run"], tmp_path)
    wait_for(tmp_path / "run" / "history.csv", process)
    (tmp_path / "run").rename(tmp_path / "moved")
    words = finish(process, tmp_path, 2)
    assert "Traceback" not in words and f"{tmp_path / 'run'}: the folder has vanished" in words
    assert not (tmp_path / "run").exists()
    (tmp_path / "moved").rename(tmp_path / "run")
    finish(start("search", ["resume=run"], tmp_path), tmp_path)
    assert_same_command("search", tmp_path, whole / "search")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_time_that_is_over_is_told_with_the_command_that_goes_on(command: str, whole: Path, tmp_path: Path) -> None:
    arguments, _ = COMMANDS[command]
    given = [*arguments, "trainer.max_time=00:00:00:00", "hydra.run.dir=run"]
    words = finish(start(command, given, tmp_path), tmp_path, 130)
    assert "stopped, for trainer.max_time is over; continue with: python -m darts_pl." in words
    assert "Traceback" not in words
    finish(
        start(command, ["resume=run", "trainer.max_time=null", "logger=csv", "callbacks.progress=false"], tmp_path),
        tmp_path,
    )
    assert_same_command(command, tmp_path, whole / command)
    assert list(tmp_path.glob("run/**/csv/version_0/metrics.csv"))
