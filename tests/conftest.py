"""Shared by all tests: one thread, so that tests neither depend on nor disturb what else the machine does."""

import multiprocessing
import os
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from darts_pl.data.cifar10 import LAYOUTS, Cifar10
from darts_pl.errors import DataError
from darts_pl.ops.series import FAMILIES, OPERATIONS
from darts_pl.paths import cache_dir
from darts_pl.stages.jobs import workers

torch.set_num_threads(1)
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"  # of the repository
LONG = (  # files of half a minute or so: begun last, one of them would leave the other process idle
    "test_notebooks.py",
    "test_notebook_04.py",
    "test_notebook_02.py",
    "test_notebook_03.py",
    "test_processes.py",
    "test_benchmark.py",
    "test_readme.py",
    "test_series_planted.py",
    "test_trainer_runs.py",
    "test_pipeline_killed.py",
    "test_pipeline_command.py",
    "test_series_proxies.py",
    "test_pipeline_workers.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, then all others in their order."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))


def data_folder() -> Path:
    """The folder of real data: `$DARTS_PL_DATA`, else shared/data beside the repository, else the cache, to which
    CIFAR-10 is downloaded.

    Raises:
        DataError: it lies nowhere and cannot be downloaded.
    """
    if given := os.environ.get("DARTS_PL_DATA"):
        return Path(given).expanduser()
    if BESIDE.is_dir():
        return BESIDE
    Cifar10().load()
    return cache_dir()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """`data_folder()`; a test that needs it fails where there is none, it does not skip."""
    try:
        return data_folder()
    except DataError as error:
        pytest.fail(f"no real data: {error} $DARTS_PL_DATA names the folder that holds CIFAR-10 or cifar10/.")


@pytest.fixture(scope="session")
def real_archive(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CIFAR-10 as an archive; where it lies unpacked, one of its folders is packed."""
    places = [folder / name for folder in (real_data, real_data / "cifar10") for name in LAYOUTS]
    found = [place for place in places if place.exists()]
    if not found:
        pytest.fail(f"no CIFAR-10 in {real_data}; expected one of {', '.join(LAYOUTS)} there or in its cifar10/")
    if archives := [place for place in found if place.is_file()]:
        return archives[0]
    packed = tmp_path_factory.mktemp("packed") / "cifar10.tar.gz"
    with tarfile.open(packed, "w:gz", compresslevel=1) as stream:
        stream.add(found[0], found[0].name)
    return packed


@pytest.fixture
def operations_restored() -> Iterator[None]:
    """What a test registers is gone after it."""
    tables = (OPERATIONS, FAMILIES)
    before = [dict(table) for table in tables]
    yield
    for table, kept in zip(tables, before):
        table.clear()
        table.update(kept)


@pytest.fixture(scope="session")
def quick_workers() -> Iterator[None]:
    """A worker that is spawned imports for seconds what it then uses for one; forked off a process that has imported
    all of it, and has done nothing else, it is the same. Scripts and processes of joblib's spawn theirs, as users' do.
    """
    fork_server = multiprocessing.get_context("forkserver")
    fork_server.set_forkserver_preload(["darts_pl.forecasting", "darts_pl.assembly.parts"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "START_METHOD", "forkserver")
        yield


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the README's reader has it, see `readme_text.write_files`; it is the current one."""
    from readme_text import write_files  # not every test needs the README

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    write_files(tmp_path)
    return tmp_path


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a small configuration, see `command_frame`; the folder that holds it is the current one."""
    from command_frame import write_conf

    write_conf(tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "conf"


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """`(command, *words)` → what a command says that is refused in a folder of its own; it must not have trained."""
    from darts_pl import pipeline, retrain, search
    from darts_pl.assembly import launch

    tasks = {"search": search.task, "retrain": retrain.task, "pipeline": pipeline.task}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARTS_PL_CACHE", str(tmp_path / "cache"))

    def run(command: str, *words: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", [f"darts_pl.{command}", *words])
        assert launch(tasks[command], command) == 2
        message = capsys.readouterr().err
        assert "error: " in message and "Traceback" not in message, message
        assert not [*tmp_path.rglob("*.ckpt")]
        return message[message.index("error: ") :].strip()

    return run
