"""One finished run of the staged pipeline for all tests that look at one, and workers that start quickly."""

import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "resume")]

from pipeline_series import FinishedRun, hourly, run_pipeline, write_csv  # noqa: E402

from darts_pl.stages.pipeline import workers  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def quick_workers() -> Iterator[None]:
    """A worker that is spawned imports for seconds what it then uses for one; forked off a process that has imported
    all of it, and has done nothing else, it is the same. Commands in processes of their own spawn theirs, as users' do.
    """
    fork_server = multiprocessing.get_context("forkserver")
    fork_server.set_forkserver_preload(["darts_pl.pipeline", "darts_pl.search", "darts_pl.retrain"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "START_METHOD", "forkserver")
        yield


@pytest.fixture(scope="session")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hourly series as a file."""
    return write_csv(tmp_path_factory.mktemp("series") / "hourly.csv", hourly())


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, csv: Path) -> FinishedRun:
    """The tiny pipeline with one worker, uninterrupted. Tests leave its folder as it is."""
    return run_pipeline(tmp_path_factory.mktemp("whole") / "run", csv)
