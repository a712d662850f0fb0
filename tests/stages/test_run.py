"""What a run folder holds its resumption to: the same data; other versions or devices are told."""

import json
import logging
from pathlib import Path

import pytest

from darts_pl.errors import RunError
from darts_pl.stages.manifest import MANIFEST
from darts_pl.stages.run import RunFolder


def opened(folder: Path, device: str = "cpu (8 threads)") -> RunFolder:
    return RunFolder.open(folder, command="search", config={"seed": 0}, device=device)


def test_other_data_are_refused_with_both_digests(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), opened(tmp_path).stage("search", data="a" * 64):
        raise KeyboardInterrupt
    before = (tmp_path / MANIFEST).read_text()
    run = opened(tmp_path)
    told = f"'search' used data of sha256 {'a' * 64}, found .* {'b' * 64}"
    with pytest.raises(RunError, match=told), run.stage("search", data="b" * 64):
        pytest.fail("the stage began")
    assert json.loads(before)["stages"] == json.loads((tmp_path / MANIFEST).read_text())["stages"]
    with opened(tmp_path).stage("search", data="a" * 64):
        pass
    assert opened(tmp_path).done("search")


def test_all_stages_of_a_run_use_the_same_data(tmp_path: Path) -> None:
    run = opened(tmp_path)
    with run.stage("search", data="a"):
        pass
    with pytest.raises(RunError, match="'search' used data"), run.stage("retrain", data="b"):
        pytest.fail("the stage began")
    with run.stage("hparams"):  # uses none
        pass


@pytest.mark.parametrize("change", ["device", "torch"])
def test_another_device_or_version_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str) -> None:
    run = opened(tmp_path)
    if change == "torch":
        run.manifest["versions"]["torch"] = "0.4.1"
        run.complete()
    with caplog.at_level(logging.WARNING, "darts_pl"):
        opened(tmp_path, "a GPU" if change == "device" else "cpu (8 threads)")
    (record,) = caplog.records
    told = {"device": "device: cpu (8 threads) there, a GPU here", "torch": "torch: 0.4.1 there"}[change]
    assert told in record.getMessage() and "bit for bit is not promised" in record.getMessage()


def test_the_same_machine_is_not_worth_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened(tmp_path)
    with caplog.at_level(logging.WARNING, "darts_pl"):
        assert opened(tmp_path).resumed
    assert not caplog.records


def test_an_option_that_came_later_hinders_no_resumption(tmp_path: Path) -> None:
    before, now = {"data": {"csv": "a"}}, {"data": {"csv": "a", "decimal": "."}, "rules": {}}
    before["rules"] = {}
    RunFolder.open(tmp_path, command="search", config=before, device="cpu")
    assert RunFolder.open(tmp_path, command="search", config=now, device="cpu", overrides=["data.csv=a"]).resumed
    with pytest.raises(RunError, match=r"another configuration \(data.decimal: None there, '.' here\)"):
        RunFolder.open(tmp_path, command="search", config=now, device="cpu", overrides=["data.decimal='.'"])
    with pytest.raises(RunError, match=r"data.csv: 'a' there, 'b' here"):
        RunFolder.open(tmp_path, command="search", config={"data": {"csv": "b", "decimal": "."}}, device="cpu")
