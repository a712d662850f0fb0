"""A benchmark's folder is data as well: what benchmark.json asks for is what a command line may ask for, no more."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from strangers_runs import content

from darts_pl import benchmark
from darts_pl.assembly.benchmark_folder import read_settings, resume_command
from darts_pl.assembly.benchmarks import _open_folder
from darts_pl.errors import RunError
from darts_pl.stages.benchmark.settings import FILE, parse

WRITTEN = {
    **{"methods": ["darts"], "seeds": [0], "scale": "two_cores", "jobs": 1, "threads": 1, "steps": 8, "rounds": 3},
    "overrides": ["epochs=1"],
}
WRONG = {
    "code": ({"overrides": ["data._target_=pandas.read_pickle"]}, "data._target_=pandas.read_pickle"),
    "code of one's own": ({"overrides": ["space.operations={a: {_target_: strangers.go}}"]}, "strangers.go"),
    "the environment": ({"overrides": ["name=${oc.env:HOME}"]}, "name=${oc.env:HOME}"),
    "Hydra": ({"overrides": ["hydra.run.dir=outside"]}, "'hydra.run.dir=outside'"),
    "another Hydra": ({"overrides": ["hydra/launcher=joblib"]}, "'hydra/launcher=joblib'"),
    "an option": ({"overrides": ["--config-dir=evil"]}, "'--config-dir=evil'"),
    "a sweep": ({"overrides": ["-m"]}, "'-m'"),
    "another folder": ({"overrides": ["resume=elsewhere"]}, "'resume=elsewhere'"),
    "a folder as a setting": ({"resume": "elsewhere"}, "damaged"),
    "a method outside": ({"methods": ["../../outside"]}, "method=../../outside does not exist"),
    "a scale": ({"scale": "../evil"}, "scale=../evil does not exist"),
    "a seed that is none": ({"seeds": ["0/../../outside"]}, "expected whole numbers"),
    "jobs that are none": ({"jobs": "many"}, "expected whole numbers"),
    "no texts": ({"overrides": [["epochs=1"]]}, "benchmark.json"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "benchmark"
    place.mkdir()
    (place / FILE).write_text(json.dumps(WRITTEN))
    return place


@pytest.mark.parametrize("kind", WRONG)
def test_a_folder_asks_for_no_more(
    kind: str, folder: Path, marker: Path, capsys: pytest.CaptureFixture, command: Callable
) -> None:
    changes, told = WRONG[kind]
    (folder / FILE).write_text(json.dumps({**WRITTEN, **changes}))
    before = content(Path.cwd())
    assert benchmark.main(["nasbench201", f"resume={folder}"]) == 2
    message = capsys.readouterr().err
    assert told in message and FILE in message and "Traceback" not in message
    assert content(Path.cwd()) == before and not marker.exists()


def test_what_was_asked_for_is_asked_again(folder: Path, command: Callable) -> None:
    found = read_settings(folder, trust=False)
    assert (found.methods, found.seeds, found.overrides, found.threads) == (("darts",), (0,), ("epochs=1",), 1)
    assert resume_command(folder, found).endswith(f"benchmark nasbench201 resume={folder}")


def test_threads_that_a_folder_does_not_tell_are_shared_out(folder: Path, command: Callable) -> None:
    (folder / FILE).write_text(json.dumps({**WRITTEN, "threads": None}))
    assert (_open_folder(parse([f"resume={folder}"], ["darts"]))[1].threads or 0) >= 1


def test_code_of_the_users_own_is_trusted(
    folder: Path, marker: Path, capsys: pytest.CaptureFixture, command: Callable
) -> None:
    own = "space.operations={a: {_target_: strangers.go}}"
    (folder / FILE).write_text(json.dumps({**WRITTEN, "overrides": [own]}))
    found = read_settings(folder, trust=True)
    assert found.overrides == (own,) and found.trust and not marker.exists()
    assert "space.operations.a._target_=strangers.go" in capsys.readouterr().err
    assert resume_command(folder, found).endswith("trust=true")


@pytest.mark.parametrize("benchmark_name", ["nasbench201", "proxies"])
def test_links_out_of_the_folder_are_refused(
    benchmark_name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (folder / "darts").symlink_to(tmp_path, target_is_directory=True)
    assert benchmark.main([benchmark_name, f"resume={folder}"]) == 2
    assert f"{folder}: darts is a link to" in capsys.readouterr().err


def test_a_link_is_told_as_an_error(folder: Path, tmp_path: Path) -> None:
    (folder / "job.log").symlink_to(tmp_path / "other.log")
    with pytest.raises(RunError, match=r"job\.log is a link"):
        read_settings(folder, trust=False)
    assert read_settings(folder, trust=True).methods == ("darts",)
