"""Series in the commands for images are refused with the way to go; steps of the modes are timed."""

import sys

import pandas as pd
import pytest

from darts_pl import benchmark, retrain, search
from darts_pl.genotype.series import MODES


@pytest.mark.parametrize(
    ("command", "words", "key"),
    [
        (search, ["data=etth1"], "data: found Etth1Data"),
        (retrain, ["genotype=DARTS_V2", "data=co2"], "data: found Co2Data"),
    ],
)
def test_series_belong_to_the_pipeline(command, words, key, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["darts_pl", *words])
    assert command.main() == 2
    told = capsys.readouterr().err
    assert key in told and "python -m darts_pl.pipeline" in told


@pytest.mark.slow
def test_a_step_of_every_mode_is_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert benchmark.main(["modes", "steps=1", "rounds=1"]) == 0
    (file,) = tmp_path.glob("outputs/modes/*/modes.csv")
    table = pd.read_csv(file)
    assert set(table["mode"]) == set(MODES) and len(table) == 3 * len(MODES)
    assert (table["seconds_per_step"] > 0).all() and (table["parameters"] > 1000).all()
    reference = table[(table["mode"] == "encoder_only") & (table["tokens"] == "variates")]
    assert reference["relative"].item() == 1
    assert str(file) in capsys.readouterr().out
