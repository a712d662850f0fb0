"""Folders and configuration files beyond bounds, through commands: an error of ours with status 2, or a page, soon."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from darts_pl import search
from darts_pl.assembly import launch
from darts_pl.assembly.launching import arguments
from darts_pl.errors import RunError
from darts_pl.reports.run_files import configured, read_run
from darts_pl.stages.run import RunFolder

SOON_S = 10.0
LAUGHS = "\n".join(
    [
        "a0: &a0 [x, x, x, x, x, x, x, x, x]",
        *(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 9)),
    ]
)


@pytest.fixture(autouse=True)
def soon():
    started = time.perf_counter()
    yield
    assert time.perf_counter() - started < SOON_S


def opened(folder: Path) -> RunFolder:
    return RunFolder.open(folder, command="search", config={"seed": 1}, device="cpu", overrides=["seed=1"])


def test_a_configuration_of_aliases(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "laughs.yaml").write_text(f"# @package _global_\n{LAUGHS}\n")
    monkeypatch.setattr(sys, "argv", ["darts_pl.search", "--config-dir", str(tmp_path), "+experiment=laughs"])
    assert launch(search.task, "search") == 2
    assert "laughs.yaml: line 7, column 15: found more than 100,000 values, aliases counted" in capsys.readouterr().err


def test_a_run_whose_configuration_is_of_aliases(tmp_path: Path) -> None:
    opened(tmp_path)
    (tmp_path / "config.yaml").write_text(LAUGHS)
    with pytest.raises(RunError, match=r"config.yaml: line \d+, column \d+: found more than 100,000 values"):
        opened(tmp_path)
    run = read_run(tmp_path)
    assert run.config == LAUGHS and configured(run, "a1") is None


def test_a_sweep_whose_file_is_of_aliases_or_another(tmp_path: Path) -> None:
    for text, words in ((LAUGHS, "found more than 100,000 values"), ("a: 1", "is damaged: it does not tell")):
        (tmp_path / "multirun.yaml").write_text(text)
        with pytest.raises(RunError, match=f"multirun.yaml.*{words}"):
            arguments(["-m", f"resume={tmp_path}"], "search")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stages": None}, "'stages' is None, expected a mapping of stages"),
        ({"stages": {"search": []}}, "'stages' is {'search': .*expected a mapping of stages, each with its seconds"),
        ({"stages": {"search": {"seconds": "x"}}}, ".*expected a mapping of stages"),
        ({"overrides": "seed=1"}, "'overrides' is 'seed=1', expected a list of texts"),
        ({"config_sha256": 3}, "'config_sha256' is 3, expected a text"),
        ({"seconds": [9] * 10_000}, r"'seconds' is \[9, 9, .*\.\.\., expected a number"),
        ({"command": ...}, "it lacks 'command', expected a text"),
    ],
)
def test_a_manifest_of_other_types_is_named(tmp_path: Path, change: dict, words: str) -> None:
    opened(tmp_path)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text()) | change
    path.write_text(json.dumps({key: value for key, value in manifest.items() if value is not ...}))
    with pytest.raises(RunError, match=rf"manifest.json is damaged: {words}") as raised:
        opened(tmp_path)
    assert len(str(raised.value)) < 400
    for text, told in (("[1]", r"found \[1\], expected a mapping"), ('{"a": 1, "a": 2}', "key 'a' is given twice")):
        path.write_text(text)
        with pytest.raises(RunError, match=rf"manifest.json.*: {told}|manifest.json is damaged: {told}"):
            arguments([f"resume={tmp_path}"], "search")


def test_more_gates_than_a_page_can_show_are_named(tmp_path: Path) -> None:
    opened(tmp_path)
    for epochs, edges, words in ((3, 2_000, "found 16,000 gates of edges"), (20_000, 40, "gates of edges over all")):
        names = {"edges": np.array([f"e{n}" for n in range(edges)]), "primitives": np.array(list("abcdefgh"))}
        gates = np.zeros((epochs, edges, 8), np.float32)
        np.savez(tmp_path / "alphas.npz", epoch=np.arange(epochs), gate_normal=gates, **names)
        run = read_run(tmp_path)
        assert run.alphas is None and any(words in told for told in run.damaged)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["space.primitives=[" + "a," * 100_000 + "a]"], "found overrides of 200,020 characters, expected at most"),
        (["seed=1"] * 100_000, "found overrides of 600,000 characters"),
        (["seed=" + "9" * 5_000], "found 'seed=9{50}9*... among its overrides, expected key=value"),
        (["seed=" + "[" * 4_000 + "]" * 4_000], "among its overrides, expected key=value"),
    ],
)
def test_overrides_beyond_bounds(tmp_path: Path, overrides: list[str], words: str) -> None:
    opened(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"overrides": overrides}))
    with pytest.raises(RunError, match=f"manifest.json: {words}|manifest.json: found .*{words}") as raised:
        arguments([f"resume={tmp_path}"], "search")
    assert len(str(raised.value)) < 400
