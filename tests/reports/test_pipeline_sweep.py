"""The comparison of pipeline runs over seeds: intervals against their definition, words, files."""

import json
import math
import statistics

import pandas as pd
import pytest
from pipeline_folder import TEST_MSE, build_pipeline_run

from darts_pl import report
from darts_pl.reports.pipeline_files import read_pipeline
from darts_pl.reports.pipeline_sweep import describe_differences, interval, long_table, over_seeds, paired_differences

T_975_2 = 4.302652729911275  # the 0.975 quantile of Student's t with 2 degrees of freedom, from tables
SEARCHED = (0.371, 0.375, 0.370)
DLINEAR = (0.382, 0.383, 0.3815)


def build_sweep(folder, searched=SEARCHED, dlinear=DLINEAR):
    for seed, (own, other) in enumerate(zip(searched, dlinear)):
        errors = TEST_MSE | {"searched": own, "dlinear": other}
        build_pipeline_run(folder / str(seed), seed=seed, test_mse=errors, overrides=("+experiment=x", f"seed={seed}"))
    return folder


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return build_sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def table(sweep):
    return long_table({child.name: read_pipeline(child) for child in sorted(sweep.iterdir()) if child.is_dir()})


def test_the_interval_is_that_of_the_t_distribution():
    found = interval(SEARCHED)
    half = T_975_2 * statistics.stdev(SEARCHED) / math.sqrt(3)
    assert found["mean"] == pytest.approx(statistics.mean(SEARCHED))
    assert found["low"] == pytest.approx(statistics.mean(SEARCHED) - half)
    assert found["high"] == pytest.approx(statistics.mean(SEARCHED) + half)
    assert math.isnan(interval(SEARCHED[:2])["low"]) and math.isnan(interval(SEARCHED[:2])["std"])


def test_seeds_are_averaged_and_random_architectures_count_once_a_run(table):
    assert table["group"].unique().tolist() == ["all runs"]
    means = over_seeds(table, "test_mse").set_index("name")
    assert means.loc["searched", "mean"] == pytest.approx(statistics.mean(SEARCHED))
    assert means.loc["random, mean", "n"] == 3
    assert "random 1" not in means.index


def test_the_paired_difference_decides_and_says_so(table):
    rows = paired_differences(table).set_index("reference")
    differences = [own - other for own, other in zip(SEARCHED, DLINEAR)]
    half = T_975_2 * statistics.stdev(differences) / math.sqrt(3)
    assert rows.loc["DLinear", "high"] == pytest.approx(statistics.mean(differences) + half)
    text = " ".join(describe_differences(paired_differences(table)))
    assert "The searched model beats DLinear: test MSE lower by 0.0102" in text


@pytest.mark.parametrize(
    ("searched", "told"),
    [
        ((0.40, 0.401, 0.4005), "worse than DLinear"),
        ((0.36, 0.40, 0.385), "and DLinear are not told apart"),
        ((0.36, 0.361), "Too few runs (2) to say whether the searched model beats DLinear"),
    ],
)
def test_a_lost_or_open_comparison_is_told_as_such(searched, told):
    rows = [
        {"run": str(seed), "status": "complete", "group": "all runs", "name": name, "test_mse": value}
        for seed, pair in enumerate(zip(searched, DLINEAR))
        for name, value in zip(("searched", "DLinear"), pair)
    ]
    assert told in " ".join(describe_differences(paired_differences(pd.DataFrame(rows))))


def test_the_command_writes_page_table_and_picture(sweep, capsys):
    assert report.main([str(sweep)]) == 0
    assert capsys.readouterr().out.strip() == str(sweep / "report.html")
    page = (sweep / "report.html").read_text(encoding="utf-8")
    deviation = statistics.stdev(SEARCHED)
    assert f"{statistics.mean(SEARCHED):.4f} ± {deviation:.4f}" in page
    assert "Chosen architectures" in page and "encoder: " in page
    written = pd.read_csv(sweep / "comparison.csv")
    assert sorted(written.loc[written["name"] == "searched", "test_mse"]) == sorted(SEARCHED)
    assert (sweep / "comparison.png").read_bytes()[:4] == b"\x89PNG"


def test_unfinished_runs_stay_out_of_the_means_and_two_runs_are_too_few(tmp_path):
    folder = build_sweep(tmp_path)
    manifest = json.loads((folder / "1" / "manifest.json").read_text())
    (folder / "1" / "manifest.json").write_text(json.dumps(manifest | {"status": "running"}))
    assert report.main([str(folder)]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Not finished, so not in the means: 1." in page
    assert "0.3705 (too few runs)" in page
    assert "Too few runs (2) to say whether the searched model beats DLinear" in page


def test_other_settings_than_the_seed_make_groups(tmp_path):
    for number, (horizon, seed) in enumerate(((96, 0), (336, 0))):
        overrides = (f"data.horizon={horizon}", f"seed={seed}")
        build_pipeline_run(tmp_path / str(number), until="results", overrides=overrides)
    runs = {child.name: read_pipeline(child) for child in sorted(tmp_path.iterdir())}
    assert long_table(runs)["group"].unique().tolist() == ["data.horizon=96", "data.horizon=336"]


def test_a_sweep_in_which_nothing_has_errors_yet_gives_a_page(tmp_path):
    build_pipeline_run(tmp_path / "0", until="screen")
    assert report.main([str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No run is complete yet" in page and "No run has test errors yet" in page
