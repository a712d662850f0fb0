"""What the groups trainer, logger, callbacks and hardware refuse, and in which words. None of these begins a run."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from darts_pl import pipeline, retrain, search
from darts_pl.assembly import launch
from darts_pl.paths import conf_dir
from darts_pl.schema.trainer import OWNED

TASKS = {"search": search.task, "retrain": retrain.task, "pipeline": pipeline.task}
REFUSED = {
    "trainer.max_epochs=3": ["trainer.max_epochs", "schedules over the epochs", "retraining.epochs"],
    "+trainer.max_epochs=3": ["trainer.max_epochs", "schedules over the epochs"],
    "trainer.max_epoch=3": ["trainer.max_epoch", "Trainer's max_epochs"],
    "trainer.gradient_clip_val=1": ["clip_norm"],
    "+trainer.callbacks=[]": ["+callbacks.mine._target_"],
    "trainer.devces=2": ["trainer.devces", "'devices'"],
    "+trainer.devces=2": ["trainer.devces", "'devices'"],
    "trainer.limit_train_batches=2.5": ["trainer:", "limit_train_batches", "2.5"],
    "trainer.strategy=dpp": ["trainer:", "strategy", "dpp"],
    "trainer.profiler=simpl": ["trainer:", "simpl", "simple"],
    "trainer.max_time=7": ["trainer.max_time: found 7", "days:hours:minutes:seconds"],
    "trainer.limit_val_batches=0": ["trainer.limit_val_batches=0", "more than 0"],
    "trainer=bebug": ["trainer/bebug", "'debug'"],
    "logger=wandb": ["logger.wandb", 'pip install "darts_pl[wandb]"'],
    "logger=mlflow": ["logger.mlflow", 'pip install "darts_pl[mlflow]"'],
    "logger=[tensorboard,cvs]": ["logger/cvs", "'csv'"],
    "+callbacks.mine=3": ["callbacks.mine", "found 3", "expected a Lightning callback"],
    "+callbacks.mine._target_=builtins.dict": ["callbacks.mine", "expected a Lightning callback"],
    "hardware=rx850": ["hardware/rx850", "'rx580'"],
    "experiment=cifar_smoke": ["+experiment=cifar_smoke"],
}


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """The message of a command that is refused."""
    monkeypatch.chdir(tmp_path)

    def run(command: str, *words: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", [f"darts_pl.{command}", *words])
        assert launch(TASKS[command], command) == 2
        message = capsys.readouterr().err
        assert "Traceback" not in message
        assert not list(tmp_path.rglob("manifest.json"))
        return message[message.index("error: ") :].strip()

    return run


@pytest.mark.parametrize("word", REFUSED)
def test_a_search_tells_what_it_does_not_take(word: str, refused: Callable[..., str]) -> None:
    message = refused("search", word)
    assert all(part in message for part in REFUSED[word]), message


@pytest.mark.parametrize("command", ["retrain", "pipeline"])
def test_the_other_commands_tell_the_same(command: str, refused: Callable[..., str]) -> None:
    own = {"retrain": ["genotype=DARTS_V2"], "pipeline": ["data=co2"]}[command]
    for word in ("trainer.max_epochs=3", "trainer.limit_train_batches=2.5", "logger=wandb", "trainer.max_time=7"):
        message = refused(command, *own, word)
        assert all(part in message for part in REFUSED[word]), message


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("word", ["hardware=rx580", "hardware=gpu_8gb", "hardware=h100", "hardware=mps", "trainer=gpu"])
def test_a_machine_that_is_not_there_is_refused(word: str, refused: Callable[..., str]) -> None:
    assert "accelerator=cpu" in refused("search", word)


def test_every_flag_of_the_trainer_is_a_key_or_has_a_reason() -> None:
    import inspect

    import lightning
    import yaml

    keys = set(yaml.safe_load((conf_dir() / "trainer" / "default.yaml").read_text())) - {"_target_"}
    flags = set(inspect.signature(lightning.Trainer).parameters)
    assert keys.isdisjoint(OWNED)
    assert keys | set(OWNED) == flags
