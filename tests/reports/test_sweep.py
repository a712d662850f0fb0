"""The comparison of a sweep: its table, means and deviations, plot and page."""

import json
import re
import statistics

import pandas as pd
import pytest
from PIL import Image

from darts_pl import report
from darts_pl.reports.run_files import read_run, runs_of_sweep
from darts_pl.reports.sweep import comparison, over_seeds
from darts_pl.reports.sweep_page import write_comparison

FIRST, SECOND = (0.80, 0.84, 0.85), (0.86, 0.90)


def read_sweep(folder):
    return {path.name: read_run(path) for path in runs_of_sweep(folder)}


def set_manifest(folder, **values):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | values))


def test_the_table_holds_each_run_with_the_settings_that_differ(sweep_folder):
    table, settings, _ = comparison(read_sweep(sweep_folder))
    assert settings == ["hypergradient", "seed"]
    assert table["run"].tolist() == ["0", "1", "2", "3", "4"]
    assert table["hypergradient"].tolist() == ["first"] * 3 + ["finite_difference"] * 2
    assert table["val_acc_best"].tolist() == pytest.approx([*FIRST, *SECOND])
    assert table["test_acc searched"].tolist() == pytest.approx([value + 0.03 for value in (*FIRST, *SECOND)])
    assert table["seconds_per_step"].tolist() == pytest.approx([0.305] * 5)
    assert table["skips_reduce"].tolist() == [3.0] * 5


def test_means_and_deviations_over_the_seeds_are_right(sweep_folder):
    table, settings, metrics = comparison(read_sweep(sweep_folder))
    groups = over_seeds(table, settings, metrics).set_index("settings")
    mean, deviation = 100 * statistics.mean(FIRST), 100 * statistics.stdev(FIRST)
    assert groups.loc["hypergradient=first", "val_acc_best"] == f"{mean:.2f} ± {deviation:.2f} %"
    assert groups.loc["hypergradient=first", "runs"] == 3
    assert groups.loc["hypergradient=finite_difference", "val_acc_best"] == "88.00 % (too few runs)"
    assert groups.loc["hypergradient=first", "alpha_movement"] == "0.11 ± 0.01"


def test_unfinished_runs_are_listed_and_left_out_of_the_means(sweep_folder):
    set_manifest(sweep_folder / "2", status="running")
    table, settings, metrics = comparison(read_sweep(sweep_folder))
    assert len(table) == 5
    groups = over_seeds(table, settings, metrics).set_index("settings")
    assert groups.loc["hypergradient=first", "runs"] == 2
    assert groups.loc["hypergradient=first", "val_acc_best"] == "82.00 % (too few runs)"
    assert "Not finished, so not in the means: 2." in write_comparison(sweep_folder).read_text(encoding="utf-8")


def test_a_setting_that_one_run_leaves_alone_comes_from_its_configuration(sweep_folder):
    set_manifest(sweep_folder / "0", overrides=["hypergradient.xi=0.1"])
    table, settings, _ = comparison(read_sweep(sweep_folder))
    assert "hypergradient.xi" in settings
    assert table["hypergradient.xi"].tolist() == ["0.1"] + ["0.5"] * 4


def test_the_sweep_writes_a_page_a_table_and_a_picture(sweep_folder, capsys):
    assert report.main([str(sweep_folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(sweep_folder / "report.html")
    page = (sweep_folder / "report.html").read_text(encoding="utf-8")
    assert "83.00 ± 2.65 %" in page and "too few runs" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    saved = pd.read_csv(sweep_folder / "comparison.csv")
    assert saved["val_acc_best"].tolist() == pytest.approx([*FIRST, *SECOND])
    with Image.open(sweep_folder / "comparison.png") as image:
        assert image.width > 1000 and image.getextrema() != ((255, 255),) * 4


def test_ten_runs_stand_in_the_order_of_their_numbers(sweep_folder):
    (sweep_folder / "3").rename(sweep_folder / "10")
    assert [path.name for path in runs_of_sweep(sweep_folder)] == ["0", "1", "2", "4", "10"]


def test_a_run_that_failed_before_it_began_is_named(sweep_folder):
    (sweep_folder / "7").mkdir()
    assert "No manifest.json in 7" in write_comparison(sweep_folder).read_text(encoding="utf-8")


def test_runs_that_have_only_begun_can_be_compared(tmp_path):
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        set_up = {"status": "running", "seed": int(name), "overrides": [f"seed={name}"]}
        (tmp_path / name / "manifest.json").write_text(json.dumps(set_up))
    assert "Not finished" in write_comparison(tmp_path).read_text(encoding="utf-8")
    assert len(pd.read_csv(tmp_path / "comparison.csv")) == 2
