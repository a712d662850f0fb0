"""The page of a staged pipeline: every section, what it says of the results, unfinished and damaged runs."""

import json
import re
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from pipeline_folder import HORIZON, TEST_MSE, build_pipeline_run

from darts_pl import report
from darts_pl.reports.pipeline_alphas import movement
from darts_pl.reports.pipeline_files import read_pipeline
from darts_pl.reports.pipeline_forecasts import forecast_blocks, horizon_blocks
from darts_pl.reports.pipeline_funnel import failures, funnel
from darts_pl.reports.pipeline_genotype import genotype_blocks
from darts_pl.reports.pipeline_names import RANDOM_MEAN, with_random_mean
from darts_pl.reports.pipeline_operations import choice_frequencies, operation_frequencies
from darts_pl.reports.pipeline_page import ENDING, SECTIONS, notices, write_pipeline_report
from darts_pl.reports.pipeline_proxies import proxy_blocks, proxy_table
from darts_pl.reports.pipeline_results import result_blocks, result_table, verdict
from darts_pl.reports.pipeline_stats import stats_blocks


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_pipeline_run(tmp_path_factory.mktemp("pipeline") / "run")


@pytest.fixture(scope="module")
def found(folder):
    return read_pipeline(folder)


def texts(blocks):
    return " ".join(block.text for block in blocks if block.kind == "text")


def test_a_complete_run_shows_every_section(folder, capsys):
    assert report.main([str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    page = (folder / "report.html").read_text(encoding="utf-8")
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings == [title for title, *_ in (*SECTIONS, *ENDING)]
    assert "Nothing here" not in page and 'class="notice"' not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert page.count("data:image/svg+xml") >= 15


def test_the_result_table_marks_the_best_and_averages_the_random_architectures(found):
    rows = with_random_mean(found.run.results["rows"])
    names = [row["name"] for row in rows]
    assert names[:6] == ["searched", "random 1", "random 2", "random 3", RANDOM_MEAN, "DLinear"]
    assert rows[4]["test_mse"] == pytest.approx((0.380 + 0.376 + 0.384) / 3)
    table = result_table(rows)
    assert table.strong == 0
    assert table.rows[0][1] == "★ 0.3710"
    against = list(table.columns).index("MSE against DLinear")
    assert table.rows[0][against] == "−2.9 %"  # 0.371 / 0.382 = 0.9712
    assert table.rows[5][against] == "–"


def test_the_mean_of_the_random_architectures_is_never_marked_best():
    rows = with_random_mean([{"name": "searched", "test_mse": 0.5}, {"name": "random 1", "test_mse": 0.4}])
    assert result_table(rows).strong == 1
    assert [row[1].startswith("★") for row in result_table(rows).rows] == [False, True, False]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ["model beat DLinear", "beat the mean of 3 random", "better than 3 of the 3"]),
        ({"dlinear": 0.36}, ["did not beat DLinear", "Lower test MSE than the searched model: DLinear (0.3600)"]),
        ({"dlinear": 0.371}, ["did not beat DLinear"]),
        ({"random 2": 0.3}, ["did not beat the mean of 3 random", "better than 2 of the 3", "random 2 (0.3000)"]),
        ({"searched": None}, ["no test error"]),
    ],
)
def test_the_verdict_says_plainly_who_won(changes, told):
    rows = [{"name": name, "test_mse": mse} for name, mse in (TEST_MSE | changes).items()]
    text = " ".join(verdict(with_random_mean(rows)))
    for part in told:
        assert part in text


def test_a_missing_baseline_is_named_and_not_taken_for_beaten():
    text = " ".join(verdict(with_random_mean([{"name": "searched", "test_mse": 0.4}])))
    assert "DLinear is missing" in text and "beat" not in text


def test_the_funnel_counts_every_stage_and_names_the_failed(found):
    counts = funnel(found)
    assert counts["stage"].tolist() == [
        "drawn", "screened", "promoted", "searched to epoch 2", "searched to epoch 4", "searched to epoch 8",
        "derived", "chosen",
    ]  # fmt: skip
    assert counts["count"].tolist() == [12, 12, 6, 6, 3, 2, 3, 1]
    assert counts["failed"].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert failures(found) == [("c011", "screen", "TrainingError: the loss is nan")]


def test_a_candidate_that_fails_in_the_search_is_told_with_the_first_line_of_its_error(tmp_path):
    folder = build_pipeline_run(tmp_path / "run", until="search")
    rungs = pd.read_csv(folder / "search" / "rungs.csv").astype({"val_mse": object})
    rungs["error"] = ""
    rungs.loc[1, ["error", "val_mse"]] = ["TimeoutError: 60 s\ntraceback", None]
    rungs.to_csv(folder / "search" / "rungs.csv", index=False)
    found = read_pipeline(folder)
    assert failures(found)[-1] == (rungs["id"][1], "search", "TimeoutError: 60 s")
    assert funnel(found).set_index("stage").loc["searched to epoch 2", "failed"] == 1


def test_proxies_that_do_not_beat_the_count_of_parameters_and_noisy_ones_are_named(found):
    text = texts(proxy_blocks(found))
    assert "No better than the count of parameters: jacob_cov, grad_norm, snip." in text
    assert "Better than it: synflow, naswot." in text
    assert "Noisy" in text and text.split("Noisy")[1].strip().endswith("grad_norm.")
    table = proxy_table(found).set_index("name")
    spread = found.scores["naswot_mean"].std(ddof=1)
    assert table.loc["naswot", "noise"] == pytest.approx(0.02 / spread)
    assert table.loc["params", "noise"] == 0.0


def test_too_few_trained_candidates_show_no_correlation(tmp_path):
    found = read_pipeline(build_pipeline_run(tmp_path / "run", trained=4))
    blocks = proxy_blocks(found)
    assert "Too few runs: 4 trained candidates" in texts(blocks)
    assert "Better than" not in texts(blocks)
    cells = [cell for block in blocks if block.kind == "table" for row in block.rows for cell in row]
    assert "too few runs" in cells and not any("0.66" in cell for cell in cells)
    assert sum(block.kind == "picture" for block in blocks) == 1  # the scatter, no bars


def test_operations_are_counted_in_pools_and_in_genotypes(found):
    table = operation_frequencies(found).set_index("operation")
    pools = {entry["id"]: entry["space"]["primitives"] for entry in found.pool}
    assert table.loc["dlinear", "drawn"] == sum("dlinear" in names for names in pools.values()) / 12
    assert table.loc["dlinear", "promoted"] == sum("dlinear" in pools[name] for name in found.promoted) / 6
    first = sum(len(g.cells) * (2 + (pools[name][0] == pools[name][-1])) for name, g in found.genotypes.items())
    assert table["edges"].sum() == 4 * sum(len(genotype.cells) for genotype in found.genotypes.values())
    assert table["edges"].max() <= first and table["derived"].sum() == pytest.approx(1)
    choices = choice_frequencies(found).set_index(["label", "name"])["count"]
    assert choices["tokens", "variates"] == 6
    assert choices["mode"].sum() == 6


def test_gates_are_read_by_kind_with_the_names_of_each(found):
    records = found.gates[found.chosen]
    assert set(records) == {"encoder", "tokens", "shortcut"}
    assert records["tokens"].primitives == ["patches", "variates"]
    first, last = records["tokens"].gates[0], records["tokens"].gates[-1]
    assert movement(records)["tokens"] == pytest.approx(np.abs(last - first).max())


def test_the_chosen_architecture_is_told_in_words_with_what_it_was_chosen_from(found):
    blocks = genotype_blocks(found)
    assert f"Candidate {found.chosen} is of mode {found.genotype.mode.replace('_', '-')}" in texts(blocks)
    table = next(block for block in blocks if block.kind == "table")
    assert ("tokens", "variates", "patches") in table.rows
    assert ("feed forward", "mlp", "– (no choice)") in table.rows
    assert sum(block.kind == "picture" for block in blocks) == len(found.genotype.cells)


@pytest.mark.parametrize("until", ["candidates", "promote", "retrain"])
def test_a_run_that_stopped_shows_what_is_there_and_says_what_is_not(tmp_path, until):
    folder = build_pipeline_run(tmp_path / "run", until=until)
    page = write_pipeline_report(folder).read_text(encoding="utf-8")
    assert "This run has not finished (complete: candidates" in page
    assert "Nothing here yet: this comes from the last stage, which tests the networks." in page
    assert "results.json" in page and "Traceback" not in page


def test_damaged_files_are_named_and_the_rest_is_shown(tmp_path):
    folder = build_pipeline_run(tmp_path / "run")
    (folder / "forecasts.npz").write_bytes(b"PK no archive")
    (folder / "results.json").write_text("{", encoding="utf-8")
    (folder / "stats.csv").write_text("time\n3\n", encoding="utf-8")
    (folder / "retrain" / "genotype.json").write_text('{"space": "series"}', encoding="utf-8")
    found = read_pipeline(folder)
    named = " ".join(found.run.damaged)
    for name in ("forecasts.npz", "results.json", "stats.csv (ValueError: no column 'phase', found time)", "genotype"):
        assert name in named
    assert found.chosen is not None and found.genotype is not None  # from choices.csv and the search's folder
    told = notices(found)
    assert len(told) == 1 and told[0].startswith("Could not be read: ")
    assert len(funnel(found)) == 8 and result_blocks(found) == [] and forecast_blocks(found) == []


def test_a_run_without_statistics_shows_the_stages_of_its_manifest(tmp_path):
    blocks = stats_blocks(read_pipeline(build_pipeline_run(tmp_path / "run", until="screen")))
    assert "collected no statistics" in texts(blocks)
    assert [row[0] for row in blocks[1].rows] == ["candidates", "screen"]


def test_speed_up_is_told_only_where_it_was_measured(found):
    blocks = stats_blocks(found)
    assert "Measured speed-up: 1.81 with 2 workers in screen." in texts(blocks)
    place = list(blocks[1].columns).index("speed-up")
    assert [row[place] for row in blocks[1].rows] == ["1.81 ×", "–", "–", "–"]
    unmeasured = replace(found, stats=found.stats.assign(speedup=None))
    assert "No speed-up by workers was measured" in texts(stats_blocks(unmeasured))


def test_error_by_horizon_compares_step_by_step(found):
    table = found.by_horizon.set_index(["name", "step"])["mse"]
    assert table.loc["searched"].mean() == pytest.approx(TEST_MSE["searched"])
    assert f"lower MSE than DLinear at {HORIZON} of {HORIZON} steps" in texts(horizon_blocks(found))


def test_the_page_of_a_run_is_the_same_twice_and_leaves_matplotlib_alone(tmp_path):
    folder = build_pipeline_run(tmp_path / "run", until="candidates")
    before = dict(matplotlib.rcParams)
    first = write_pipeline_report(folder).read_bytes()
    assert write_pipeline_report(folder).read_bytes() == first
    assert dict(matplotlib.rcParams) == before


def test_an_error_with_markup_is_escaped(tmp_path):
    folder = build_pipeline_run(tmp_path / "run", until="screen")
    scores = pd.read_csv(folder / "screen" / "scores.csv").astype({"error": object})
    scores.loc[0, "error"] = "<script>alert(1)</script>"
    scores.to_csv(folder / "screen" / "scores.csv", index=False)
    page = write_pipeline_report(folder).read_text(encoding="utf-8")
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_other_json_in_a_list_file_is_damage_and_no_crash(tmp_path):
    folder = build_pipeline_run(tmp_path / "run", until="promote")
    (folder / "candidates" / "pool.json").write_text(json.dumps([1, 2]), encoding="utf-8")
    found = read_pipeline(folder)
    assert found.pool == [] and "candidates/pool.json" in found.run.damaged[0]
