"""A search that pauses and goes on is the search without the pause."""

import json
from pathlib import Path

import pytest
from tiny_runs import assert_same_run, tiny_search

from darts_pl.errors import ConfigError
from darts_pl.hypergradient import first
from darts_pl.relaxations import Gumbel
from darts_pl.stages.phases import Phase


def status(folder: Path) -> str:
    return json.loads((folder / "manifest.json").read_text())["stages"]["search"]["status"]


def test_paused_twice_is_the_same_search(tmp_path: Path) -> None:
    run = {"hypergradient": first, "relaxation": Gumbel, "epochs": 3}
    whole = tiny_search(tmp_path / "whole", **run)
    for until in (1, 2):
        tiny_search(tmp_path / "paused", until=until, **run)
        assert status(tmp_path / "paused") == "paused"
    assert tiny_search(tmp_path / "paused", **run) == whole
    assert status(tmp_path / "paused") == "complete"
    assert_same_run(tmp_path / "paused", tmp_path / "whole")


def test_a_pause_at_the_end_is_none(tmp_path: Path) -> None:
    tiny_search(tmp_path, first, epochs=1, until=5)
    assert status(tmp_path) == "complete"


def test_several_phases_cannot_pause(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="until=1: a search in 2 phases cannot pause"):
        tiny_search(tmp_path, first, phases=(Phase(), Phase()), until=1)
