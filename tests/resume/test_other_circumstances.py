"""Other data are refused, what a killed process left is removed, no memory left in testing is told."""

from pathlib import Path

import pytest
import tiny_runs
from tiny_runs import tiny_retrain, tiny_search

from darts_pl.data import digits_data
from darts_pl.errors import RunError, TrainingError
from darts_pl.genotype import KNOWN
from darts_pl.hypergradient import first
from darts_pl.lit import RetrainModule
from darts_pl.stages.manifest import read_manifest


class Stop(Exception):
    """Ends a search in its last epoch."""


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search stopped at its third point."""
    kept = tiny_runs.KeepEveryPoint(tmp_path / "run", tmp_path / "points", monkeypatch)

    def stop_at_third() -> None:
        kept.folders.append(tmp_path)
        if len(kept.folders) == 3:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(kept, "_copy", stop_at_third)
        with pytest.raises(Stop):
            tiny_search(tmp_path / "run", first)
    monkeypatch.undo()
    return tmp_path / "run"


def test_other_data_are_refused(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_manifest(stopped)["stages"]["search"]["inputs"]["data"]
    with monkeypatch.context() as patch:
        patch.setattr(tiny_runs, "digits_data", lambda **settings: digits_data(**{**settings, "limit_test": 63}))
        with pytest.raises(RunError, match=before) as caught:
            tiny_search(stopped, first)
    assert str(caught.value).count("sha256") == 2
    tiny_search(stopped, first)
    assert read_manifest(stopped)["stages"]["search"]["inputs"]["data"] == before


def test_half_written_points_are_removed(stopped: Path) -> None:
    left = stopped / "checkpoints" / ".next.ckpt.ab12_xyz"
    left.write_bytes(b"half")
    tiny_search(stopped, first)
    assert not left.exists() and (stopped / "checkpoints" / "final.ckpt").exists()


def test_no_memory_left_in_testing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def test_step(*_: object) -> None:
        raise RuntimeError("CUDA error: out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(RetrainModule, "test_step", test_step)
        with pytest.raises(TrainingError, match="out of memory at step 6 with batch_size=32"):
            tiny_retrain(tmp_path, KNOWN["DARTS_V2"])
    assert tiny_retrain(tmp_path, KNOWN["DARTS_V2"])["steps"] == 6  # only the test was left to do
