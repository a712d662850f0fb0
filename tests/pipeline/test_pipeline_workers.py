"""Workers: what fails is written down with its reason and passed over; what is done stays done."""

import fcntl
import json
import math
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import joblib
import pipeline_jobs as jobs
import pytest
import torch
from pipeline_series import parts_from

from darts_pl.errors import RunError
from darts_pl.stages.jobs import FunctionJob, Workers

PATIENCE = 60.0  # seconds after which a process is taken to be there for ever


@pytest.fixture(scope="module")
def pool(csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Two workers with the parts of the tiny pipeline."""
    with Workers(partial(parts_from, csv), 2, tmp_path_factory.mktemp("pool")) as workers:
        yield workers


def job(folder: Path, name: str, work, **arguments) -> FunctionJob:
    return FunctionJob(name, work, folder / f"{name}.json", arguments)


def test_each_failure_is_recorded_and_the_others_finish(pool: Workers, tmp_path: Path) -> None:
    made = partial(job, tmp_path)
    found = pool.run(
        [
            made("slow", jobs.square, value=2, pause=0.5),
            made("refused", jobs.refuse),
            made("vanished", jobs.vanish),
            made("died", jobs.die_natively),
            made("hung", jobs.hang),
            made("awkward", jobs.refuse_awkwardly),
            made("last", jobs.square, value=3),
        ],
        timeout_s=3.0,
        title="try",
    )
    died = found["died"]["error"]
    assert list(found) == ["slow", "refused", "vanished", "died", "hung", "awkward", "last"]
    assert re.match(
        r"its process died in native code \(Segmentation fault\) at epoch 3, step 7, in string_at \(\S+:\d+\)\. ", died
    )
    assert (
        f"another version of torch, hardware.threads=1, hardware.channels_last=false (this is {torch.__version__})"
        in died
    )
    assert {name: each["error"] for name, each in found.items() if name != "died"} == {
        "slow": None,
        "refused": "ValueError: 7 tokens do not fit\nas the operation says",
        "vanished": "its process ended with exit status 7",
        "hung": "not done after 3 s",
        "awkward": "Awkward: too few tokens in my operation",
        "last": None,
    }
    assert (found["slow"]["square"], found["last"]["square"]) == (4, 9)
    assert found["slow"]["seconds"] >= 0.5 and found["slow"]["peak_memory_mib"] > 0
    assert found["hung"]["seconds"] is None
    assert {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in found} == found
    log = (pool.folder / "workers.log").read_text()
    assert "refused failed" in log and "in refuse\n" in log  # the traceback, which the file of figures does not hold


def test_what_is_done_or_failed_is_not_done_again(pool: Workers, tmp_path: Path) -> None:
    notes = [job(tmp_path, name, jobs.note, place=str(tmp_path / f"{name}.txt")) for name in ("a", "b", "c")]
    failing = job(tmp_path, "failing", jobs.refuse)
    pool.run([notes[0], failing], timeout_s=None, title="first")
    failed = failing.result.read_bytes()
    found = pool.run([notes[2], notes[0], failing, notes[1]], timeout_s=None, title="second")
    assert list(found) == ["c", "a", "failing", "b"]
    assert [(tmp_path / f"{name}.txt").read_text() for name in ("a", "b", "c")] == ["done\n"] * 3
    assert failing.result.read_bytes() == failed


def test_jobs_are_done_at_the_same_time(pool: Workers, tmp_path: Path) -> None:
    """Two jobs that wait for each other end, neither of them in this process; what both took is added up."""
    places = [str(tmp_path / "here"), str(tmp_path / "there")]
    pairs = {"one": places, "other": places[::-1]}
    meeting = [job(tmp_path, name, jobs.meet, mine=mine, other=other) for name, (mine, other) in pairs.items()]
    found = pool.run(meeting, timeout_s=None, title="meet")
    assert len({os.getpid(), *(each["process"] for each in found.values())}) == 3
    assert pool.busy_s == pytest.approx(found["one"]["seconds"] + found["other"]["seconds"])


def test_numbers_that_json_does_not_have_become_none(pool: Workers, tmp_path: Path) -> None:
    values = {"nan": math.nan, "large": 1e200}
    found = pool.run([job(tmp_path, n, jobs.square, value=v) for n, v in values.items()], timeout_s=None, title="odd")
    assert found["nan"]["square"] is None
    assert found["large"]["error"].startswith("OverflowError")


def test_an_error_of_the_run_ends_it(pool: Workers, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the disk is full"):
        pool.run([job(tmp_path, "full", jobs.give_up_the_run)], timeout_s=None, title="full")
    assert not (tmp_path / "full.json").exists()


def test_workers_end_with_the_process_that_was_killed(csv: Path, tmp_path: Path) -> None:
    """The worker holds a lock, which the system takes from it when it ends."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=jobs.hold_in_a_worker, args=(csv, tmp_path))
    process.start()
    lock, until = tmp_path / "lock", time.monotonic() + PATIENCE
    while not (lock.exists() and lock.read_text() == "held"):
        assert process.is_alive() and time.monotonic() < until
        time.sleep(0.05)
    assert not free(lock)
    os.kill(process.pid, signal.SIGKILL)
    process.join(timeout=PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    until = time.monotonic() + PATIENCE
    while not free(lock):
        assert time.monotonic() < until, "the worker outlives the process that started it"
        time.sleep(0.05)


def free(lock: Path) -> bool:
    """Whether nobody holds the lock."""
    with lock.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("names", ["a", "ab"], ids=["one", "two at a time"])
def test_whole_runs_may_be_processes_of_joblib(csv: Path, tmp_path: Path, names: str) -> None:
    """As under hydra/launcher=joblib, whose processes have a start method that others do not know."""
    folders = [tmp_path / name for name in names]
    for folder in folders:
        folder.mkdir()
    in_parallel = joblib.Parallel(n_jobs=2, backend="loky")
    found = in_parallel(joblib.delayed(jobs.square_in_a_worker)(csv, folder) for folder in folders)
    assert found == [9] * len(folders)


def test_workers_that_cannot_begin_fail_the_run_and_no_candidate(csv: Path, tmp_path: Path) -> None:
    job_ = job(tmp_path, "never", jobs.square, value=2)
    with (
        pytest.raises(RunError, match="begin: worker processes did not start"),
        Workers(jobs.Elsewhere(), 1, tmp_path) as workers,
    ):
        workers.run([job_], timeout_s=None, title="begin")
    assert not job_.done


def test_workers_whose_last_words_have_no_place_work_all_the_same(csv: Path, tmp_path: Path) -> None:
    with Workers(partial(parts_from, csv), 1, tmp_path) as workers:
        Path(workers.words.name).rmdir()
        found = workers.run([job(tmp_path, "done", jobs.square, value=2)], timeout_s=None, title="begin")
        Path(workers.words.name).mkdir()
    assert found["done"]["square"] == 4
    assert "a death in native code would not be told" in (tmp_path / "workers.log").read_text()
