"""Odd but valid content and damaged files: what cannot be drawn is left out and named, the page is written."""

import re
from functools import partial

import pandas as pd
import pytest
from odd_runs import HTML, PIPELINES, RUNS, SWEEPS, bare, cases, sweep
from test_report import Reader

from darts_pl import report
from darts_pl.reports import boundary
from darts_pl.reports.benchmark_page import write_benchmark


def page_of(folder, capsys) -> Reader:
    """The page that the command writes, with status 0 and without a word on the standard error."""
    assert report.main([str(folder)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == str(folder / "report.html") and printed.err == ""
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert HTML not in text and not re.search(r'(src|href)="(?!data:|#|\./|\.\./)', text)
    return Reader(text)


def check(page: Reader, told: str | None) -> None:
    notices = [text for text in page.texts.get("div", ()) if text.startswith(("Left out", "Could not be read"))]
    if told is None:
        assert notices == []
    else:
        assert any(told in text for text in notices), notices
    assert "Versions" in page.texts["h2"] or "What next" in page.texts["h2"]


@pytest.mark.parametrize("name", cases(RUNS))
def test_the_page_of_an_odd_run_is_written(name, tmp_path, capsys):
    write, told = RUNS[name]
    write(bare(tmp_path / "run"))
    check(page_of(tmp_path / "run", capsys), told)


@pytest.mark.parametrize("name", cases(PIPELINES))
def test_the_page_of_an_odd_pipeline_is_written(name, tmp_path, capsys):
    write, told = PIPELINES[name]
    write(bare(tmp_path / "run", command="pipeline"))
    check(page_of(tmp_path / "run", capsys), told)


@pytest.mark.parametrize("name", cases(SWEEPS))
def test_the_comparison_of_odd_runs_is_written(name, tmp_path, capsys):
    runs, told = SWEEPS[name]
    check(page_of(sweep(tmp_path / "sweep", *runs), capsys), told)
    assert (tmp_path / "sweep" / "comparison.csv").is_file()


SUMMARY = {"method": [HTML], "seeds": [1], "test_acc": [float("nan")], "test_acc_std": [float("nan")]}
FOUND = {
    "method": [HTML],
    "seed": [0],
    "cell": [""],
    "test_acc": [float("nan")],
    "skips": [0],
    "entropy": [float("inf")],
}
BENCHMARKS = {
    "no curve": (pd.DataFrame(), {"median": 1.0, "random_10": 1.0, "optimum": 2.0}, "curves.png"),
    "no number": (
        pd.DataFrame({"method": [HTML], "seed": [0], "epoch": [1], "test_acc": [float("nan")], "folder": ["a/seed_0"]}),
        {"median": 90.0, "random_10": 91.0, "optimum": 94.0},
        None,
    ),
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_page_of_an_odd_benchmark_is_written(name, tmp_path):
    curves, marks, told = BENCHMARKS[name]
    runs = pd.DataFrame({**FOUND, "seconds": [0.0], "stopped": [None], "epochs": [1], "folder": ["a/seed_0"]})
    path = write_benchmark(tmp_path, runs, curves, pd.DataFrame(SUMMARY), [], marks, [("x", HTML)], [])
    text = path.read_text(encoding="utf-8")
    assert HTML not in text and ("Left out" in text) == (told is not None) and (told or "") in text
    assert (tmp_path / "curves.png").is_file() == (told is None)


def test_a_fault_of_the_program_stays_a_traceback():
    """The boundary is for content: an assertion, an import, an interruption are none of it."""
    for error in (AssertionError, ImportError, KeyboardInterrupt, RuntimeError, NameError):
        with pytest.raises(error):
            boundary.attempt("x", partial(_raise, error), None, [])


def _raise(error: type[BaseException]) -> None:
    raise error
