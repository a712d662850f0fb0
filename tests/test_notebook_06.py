"""notebooks/06_lightning_and_hydra.ipynb does with every habit what its text says."""

from pathlib import Path

import pandas as pd
import pytest
from nbformat import NotebookNode
from notebook_runs import executed, pictures, printed, tables

pytestmark = pytest.mark.slow  # its subject is tested by default in smaller pieces


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    return executed("06_lightning_and_hydra", tmp_path_factory.mktemp("lightning_and_hydra"))


def test_what_is_refused_says_why(notebook: NotebookNode) -> None:
    text = printed(notebook)
    assert "error: trainer.max_epochs: the run owns Trainer's max_epochs" in text
    assert "error: trainer.devces: no such key. Did you mean 'devices'?" in text
    assert "gradient_clip_val" in tables(notebook)[0]


def test_every_fit_has_the_callback_and_both_loggers(notebook: NotebookNode) -> None:
    (run,) = Path(notebook.metadata["folder"]).glob("outputs/one_step/*")
    lines = [line.split("\t") for line in (run.parents[2] / "rates.tsv").read_text().splitlines()]
    fits = [("SearchModule", "0"), ("SearchModule", "1"), ("SearchModule", "2"), *[("RetrainModule", "0")] * 2]
    assert [tuple(line[:2]) for line in lines] == fits
    for fit in (run, run / "retrain", run / "random"):
        assert list(fit.glob("tensorboard/events*")) and (fit / "csv/version_0/metrics.csv").stat().st_size > 0


def test_the_sweep_is_compared(notebook: NotebookNode) -> None:
    (sweep,) = Path(notebook.metadata["folder"]).glob("outputs/sweep/*")
    assert pd.read_csv(sweep / "comparison.csv")["arch_learning_rate"].tolist() == [0.02, 0.2]
    assert (sweep / "report.html").is_file()
    assert pictures(notebook) == ["training_curves", "Image"]
