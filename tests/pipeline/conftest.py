"""One finished run of the staged pipeline for all tests that look at one."""

import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "resume")]

from pipeline_series import FinishedRun, hourly, run_pipeline, write_csv  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def all_are_quick(quick_workers: None) -> None:
    """For every test here."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of these tests have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "pipeline"
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time."""
    with (folder / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def csv(shared: Path) -> Path:
    """The hourly series as a file."""
    with alone(shared):
        path = shared / "hourly.csv"
        return path if path.exists() else write_csv(path, hourly())


@pytest.fixture(scope="session")
def whole(shared: Path, csv: Path) -> FinishedRun:
    """The tiny pipeline with one worker, uninterrupted. Tests leave its folder as it is."""
    printed = shared / "printed.txt"
    with alone(shared):
        if not printed.exists():
            printed.write_text(run_pipeline(shared / "run", csv).printed, encoding="utf-8")
    return FinishedRun(shared / "run", printed.read_text(encoding="utf-8"))
