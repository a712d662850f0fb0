"""Odd but valid content and damaged files: what cannot be drawn is left out and named, the page is written."""

import re

import pytest
from odd_runs import HTML, PIPELINES, RUNS, bare
from test_report import Reader

from darts_pl import report


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


@pytest.mark.parametrize("name", RUNS)
def test_the_page_of_an_odd_run_is_written(name, tmp_path, capsys):
    write, told = RUNS[name]
    write(bare(tmp_path / "run"))
    check(page_of(tmp_path / "run", capsys), told)


@pytest.mark.parametrize("name", PIPELINES)
def test_the_page_of_an_odd_pipeline_is_written(name, tmp_path, capsys):
    write, told = PIPELINES[name]
    write(bare(tmp_path / "run", command="pipeline"))
    check(page_of(tmp_path / "run", capsys), told)
