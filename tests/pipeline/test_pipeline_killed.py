"""The real command killed in every stage and gone on with: what it finds is what the uninterrupted run found."""

import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
from commands import finish, start, stop_at
from pipeline_series import TINY, FinishedRun, assert_same_run, command
from safetensors.torch import load_file

from darts_pl.stages.manifest import read_manifest

pytestmark = pytest.mark.slow  # by default a search is killed; what a pipeline keeps is tested in its stages

EVERY_STEP = "checkpoint_every_s=0"
WEIGHTS = "retrain/model.safetensors"


@pytest.fixture(scope="module")
def killed(whole: FinishedRun, csv: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A run that was killed while it screened, searched, trained what it had derived, and retrained the chosen one."""
    folder = tmp_path_factory.mktemp("killed")
    shutil.copy(csv, folder / "hourly.csv")
    run = folder / "run"
    promoted, searched = whole.json("search/promoted.json"), whole.table("choose/choices.csv")["id"]
    points = {
        "screen": (run / "screen" / "c003.json", 1),
        "search": (run / "search" / promoted[1] / "checkpoints" / "last.ckpt", 3),
        "choose": (run / "choose" / searched[1] / "checkpoints" / "last.ckpt", 4),
        "retrain": (run / "retrain" / "checkpoints" / "last.ckpt", 20),
    }
    process = start("pipeline", ["data.csv=hourly.csv", *TINY, EVERY_STEP, "hydra.run.dir=run"], folder)
    for stage, (point, times) in points.items():
        assert stop_at(process, point, times, signal.SIGKILL), finish(process, folder)
        process.join(timeout=60)
        assert process.exitcode == -signal.SIGKILL
        begun = read_manifest(run)["stages"]
        assert list(begun)[-1] == stage and begun[stage]["status"] == "running"
        process = start("pipeline", ["resume=run"], folder)
    return FinishedRun(run, finish(process, folder))


def test_killed_in_every_stage(killed: FinishedRun, whole: FinishedRun) -> None:
    assert_same_run(killed, whole)
    ours, theirs = load_file(killed.path / WEIGHTS), load_file(whole.path / WEIGHTS)
    assert ours.keys() == theirs.keys() and all(ours[name].equal(theirs[name]) for name in ours)
    assert f"Chosen by validation: candidate {whole.winner}" in killed.printed


def test_other_data_are_refused(killed: FinishedRun) -> None:
    """One value of the test rows has changed since."""
    place = killed.path.parent / "hourly.csv"
    frame = pd.read_csv(place)
    frame.loc[399, "load"] += 1
    frame.to_csv(place, index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.parent)
        status, _, errors = command("resume=run")
    assert status == 2
    assert "its stage 'data' used data of sha256" in errors and "or start a new run" in errors
