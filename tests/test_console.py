"""What commands print: one form of line on a terminal and in a file, bars on a terminal alone, nothing unexplained."""

import io
import logging
import os
import re
import subprocess
import sys
import time

import pytest
import rich
from rich.console import Console

from darts_pl.callbacks.history import columns_to_show, format_figures
from darts_pl.commands.output import ConsoleHandler
from darts_pl.progress import Bar, bar, part_done, whole_run

LINE = re.compile(r"\d\d:\d\d:\d\d \S.*")
LONG = "words " * 60 + "[end] :smile: https://x.y/z 'a'"
TINY = ["epochs=2", "alpha_warmup_epochs=0", "space.init_channels=8", "space.num_nodes=1", "retraining.epochs=1"]
QUICK = [*TINY, "space.primitives=[none,skip_connect]", "retraining.init_channels=8", "retraining.layers=3"]


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    """A console that writes into memory; indirectly parametrized by whether it is a terminal."""
    terminal = getattr(request, "param", False)
    made = Console(
        file=io.StringIO(), force_terminal=terminal, width=60, legacy_windows=False, _environ={"TERM": "xterm"}
    )
    monkeypatch.setattr(rich, "_console", made)
    return made


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


@pytest.mark.parametrize("console", [False, True], indirect=True, ids=["file", "terminal"])
def test_a_line_is_whole_and_has_its_time_wherever_it_goes(console: Console):
    logger, handler = logging.getLogger("darts_pl.test_console"), ConsoleHandler()
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    try:
        for _ in range(2):  # in the same second, too
            logger.info("%s", LONG)
        logger.warning("mind")
    finally:
        logger.removeHandler(handler)
    lines = without_colours(console.file.getvalue()).splitlines()
    assert [line[9:] for line in lines] == [LONG, LONG, "warning: mind"]
    assert all(LINE.fullmatch(line) for line in lines)


@pytest.mark.parametrize("console", [True], indirect=True, ids=["terminal"])
def test_the_bar_of_the_whole_run_stands_above_that_of_a_part(console: Console):
    console.width = 120
    with whole_run(2):
        with bar("first", 4, unit="steps") as shown_bar:
            shown_bar.advance(), shown_bar.advance()
            time.sleep(0.2)
        part_done()
        with whole_run(5), bar("second", 10):  # within another it is that one's
            time.sleep(0.2)
    text = without_colours(console.file.getvalue())
    assert "0 of 2 parts done" in text and "2/4 steps" in text and "1 of 2 parts done" in text and "of 5" not in text
    assert text.index("whole run") < text.index("first") < text.index("second")


def test_bars_are_silent_where_there_is_no_terminal(console: Console):
    with whole_run(1):
        alone = Bar("part", 3)
        alone.update(completed=2, note="words")
        alone.close(), alone.close()
        part_done()
    assert console.file.getvalue() == ""


def test_columns_are_told_in_words():
    row = {"train_loss": 1.25, "train_acc": 0.61, "val_loss": 0.3125, "val_acc": 0.912, "val_fine_acc": 0.5}
    row |= {"lr": 0.05, "alpha_movement": 0.2}
    assert format_figures(row, columns_to_show(row, "acc")) == (
        "training loss 1.25 accuracy 61.0%, validation loss 0.3125 accuracy 91.2% fine acc 50.0%, learning rate 0.05, "
        "alphas moved by 0.2"
    )


def test_a_run_says_nothing_that_is_not_its_own(tmp_path):
    """A whole command into a file: every line of the log is whole, with its time; stderr is empty."""
    words = [sys.executable, "-m", "darts_pl.search", *QUICK, f"hydra.run.dir={tmp_path}/run"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout[: done.stdout.index("\nGenotype (")].strip().splitlines()
    assert lines and all(LINE.fullmatch(line) for line in lines)
    assert not re.search(r"[0-9a-f]{20}|sha256|GPU available|litlogger|val_|lr |32-true", done.stdout)


@pytest.mark.slow
def test_the_default_example_trips_no_guard(tmp_path):
    words = [sys.executable, "-m", "darts_pl.search", "retraining=none", f"hydra.run.dir={tmp_path}/run"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and "warning" not in done.stdout
    assert '"warnings": []' in (tmp_path / "run" / "guards.json").read_text()
