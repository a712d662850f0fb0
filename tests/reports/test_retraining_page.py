"""The page of a real `darts_pl.retrain` run: its curves, timing and genotype lie in other files than a search's."""

import contextlib
import io
import re
import shutil

import pandas as pd
import pytest
from test_report import read_page

from darts_pl.genotype import KNOWN
from darts_pl.reports import sections
from darts_pl.reports.next_steps import command_blocks
from darts_pl.reports.run_files import read_run
from darts_pl.reports.run_page import run_page, write_report
from darts_pl.reports.sweep import metrics_of


def test_every_file_is_found_where_a_retraining_writes_it(retrained):
    run = read_run(retrained)
    assert (run.missing, run.damaged) == ([], [])
    for table, name in ((run.history, "retrain/history.csv"), (run.random, "random/history.csv")):
        pd.testing.assert_frame_equal(table, pd.read_csv(retrained / name))
    assert run.timing["epoch"].tolist() == [1, 2]
    assert run.best == KNOWN["DARTS_V2"]


def test_the_page_shows_all_that_a_retraining_has(retrained):
    page = read_page(write_report(retrained))
    assert page.texts["h2"] == [
        "Results", "Genotype", "Training curves", "Operations", "Retraining", "Size beside published genotypes",
        "Timing", "What next", "Configuration", "Versions",
    ]  # fmt: skip
    assert {"retrained", "random architecture", "retrain", "random", "all epochs"} <= set(page.texts["td"])
    captions = " ".join(page.texts["figcaption"])
    assert "Normal cell of the genotype that was trained" in captions and "share of the trained genotype" in captions
    assert "gate" not in captions and "epoch," not in captions
    assert run_page(read_run(retrained)).notices == []


def test_alone_it_is_shown_once_and_nothing_is_missed(retrained_alone):
    run = read_run(retrained_alone)
    titles = [section.title for section in run_page(run).sections]
    assert "Training curves" in titles and "Retraining" not in titles
    assert run_page(run).notices == []
    best = run.history["val_acc"].max()
    texts = [block.text for block in sections.result_blocks(run) if block.kind == "text"]
    assert len(texts) == 1 and texts[0].startswith(f"Best validation accuracy of the network: {100 * best:.2f} %")


def test_an_unfinished_retraining_names_what_it_has_not_written(retrained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(retrained, folder)
    shutil.rmtree(folder / "random")
    (folder / "retrain" / "timing.csv").unlink()
    assert read_run(folder).missing == ["retrain/timing.csv", "random/history.csv"]


def test_retrainings_can_be_compared(retrained):
    run = read_run(retrained)
    metrics = metrics_of(run)
    assert metrics["test_acc retrained"] == run.results["rows"][0]["test_acc"]
    spent, steps = run.timing["seconds_per_step"] * run.timing["steps"], run.timing["steps"]
    assert metrics["seconds_per_step"] == pytest.approx(spent.sum() / steps.sum())


def test_the_lines_that_load_the_network_run_as_they_stand(retrained):
    (code,) = (block.text for block in command_blocks(read_run(retrained)) if block.purpose.startswith("Load"))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert re.fullmatch(r"\[('\d' ){4}'\d'\]\n", printed.getvalue())
