"""The kernels are compiled once, and where they cannot be, the fast engine runs."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_cases import CASES, images, largest_difference, passed, supernet

from darts_pl.engine.native import build, cell
from darts_pl.engine.native.build import VARIABLE, BuildError, library, native_target
from darts_pl.engine.native.memory import Store
from darts_pl.errors import ConfigError

LOAD = "from darts_pl.engine.native.build import library; print(library()._name)"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder."""
    monkeypatch.setenv("DARTS_PL_CACHE", str(tmp_path))
    monkeypatch.setattr(cell, "_told", set())
    yield tmp_path


@pytest.mark.slow
def test_processes_that_start_together_compile_once(cache: Path) -> None:
    command = [sys.executable, "-c", "import logging; logging.basicConfig(level=20); " + LOAD]
    environment = {**os.environ, "DARTS_PL_CACHE": str(cache), VARIABLE: "portable"}
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert ended[0][0] == ended[1][0]
    assert sum("compiling" in told for _, told in ended) == 1
    assert [path.suffix for path in sorted((cache / "native").iterdir())] == [".lock", ".so"]


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_without_a_compiler_the_fast_engine_runs_and_says_so(
    compiler: str, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", compiler)
    with pytest.raises(BuildError, match=r"compiler|status 1"):
        library()
    monkeypatch.setattr(build, "_started", lambda command: pytest.fail("it tries again"))
    case = CASES["pooling alone"]
    network = supernet(case)
    with caplog.at_level(logging.WARNING, "darts_pl"):
        found = passed(network, images(case), "native")
    assert largest_difference(found, passed(network, images(case), "plain"))[0] < 1e-10
    assert [record.getMessage().count("not available") for record in caplog.records] == [1]


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    monkeypatch.setattr(cell, "_told", set())
    assert not cell.is_available()


def test_a_target_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "avx52")
    with pytest.raises(ConfigError, match="Did you mean 'avx512'"):
        native_target()


def test_memory_is_lent_again_once_its_last_tensor_is_gone() -> None:
    store = Store()
    first = store.lend(1000)
    place, view = first.data_ptr(), first[:10]
    del first
    second = store.lend(1000)
    assert second.data_ptr() != place  # the view still reads there
    del view
    assert store.lend(900).data_ptr() == place
    assert store.lend(100).data_ptr() != place  # too small a piece of it
