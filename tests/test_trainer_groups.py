"""What the groups trainer, logger, callbacks, hardware and debug compose, and what they refuse in which words."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
import yaml
from _pytest.mark import ParameterSet
from hydra import compose
from omegaconf import OmegaConf

from darts_pl.assembly import register
from darts_pl.commands import check_config
from darts_pl.commands.config_files import isolated_hydra
from darts_pl.commands.suggestions import options_of
from darts_pl.commands.trainer import hardware_of, trainer_settings
from darts_pl.paths import conf_dir
from darts_pl.schema.trainer import OWNED

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


def slow_but(kept: Sequence[str], names: Iterable[str]) -> list[ParameterSet]:
    """A parameter for each name, of which the default suite runs those that are kept."""
    return [pytest.param(name, marks=[] if name in kept else pytest.mark.slow) for name in names]


DEFAULT = ("+trainer.max_epochs=3", "trainer.max_epoch=3", "trainer.devces=2", "logger=wandb")


@pytest.mark.parametrize("word", slow_but(DEFAULT, REFUSED))
def test_a_search_tells_what_it_does_not_take(word: str, refused: Callable[..., str]) -> None:
    message = refused("search", word)
    assert all(part in message for part in REFUSED[word]), message


@pytest.mark.slow
@pytest.mark.parametrize("command", ["retrain", "pipeline"])
def test_the_other_commands_tell_the_same(command: str, refused: Callable[..., str]) -> None:
    own = {"retrain": ["genotype=DARTS_V2"], "pipeline": ["data=co2"]}[command]
    for word in ("trainer.max_epochs=3", "trainer.limit_train_batches=2.5", "logger=wandb", "trainer.max_time=7"):
        message = refused(command, *own, word)
        assert all(part in message for part in REFUSED[word]), message


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("word", ["hardware=rx580", "hardware=gpu_8gb", "hardware=h100", "hardware=mps", "trainer=gpu"])
def test_a_machine_that_is_not_there_is_refused(word: str, refused: Callable[..., str]) -> None:
    assert "accelerator=cpu" in refused("search", word)


def test_every_flag_of_the_trainer_is_a_key_or_has_a_reason() -> None:
    keys = set(yaml.safe_load((conf_dir() / "trainer" / "default.yaml").read_text())) - {"_target_"}
    assert keys.isdisjoint(OWNED)
    assert keys | set(OWNED) == set(inspect.signature(lightning.Trainer).parameters)


COMMANDS = {"search": [], "retrain": ["genotype=DARTS_V2"], "pipeline": ["data=co2"]}
PRESETS = {"retrain_one_step": "retrain", "pipeline_one_step": "pipeline"}  # the others are of a search


def composed(command: str, *words: str) -> dict[str, Any]:
    """The configuration as its command gets it, checked."""
    register()
    with isolated_hydra():
        config = compose(command, [*COMMANDS[command], *words])
        config = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
        check_config(config)
        return OmegaConf.to_container(config, resolve=True)


@pytest.mark.parametrize("name", slow_but(["rx580"], options_of("hardware")))
def test_a_hardware_profile_says_what_it_assumes_and_runs_on_a_cpu_where_told_to(name: str) -> None:
    text = (conf_dir() / "hardware" / f"{name}.yaml").read_text()
    assert text.startswith("# ")
    for command in COMMANDS:
        config = composed(command, f"hardware={name}", "trainer=cpu")
        found = hardware_of(config)
        assert found.device_type == "cpu" and trainer_settings(config).make(found).strategy.root_device.type == "cpu"
    if name != "auto":
        assert "run on" in text and "run on" in found.assumes
    assert composed("search", f"hardware={name}")["batch_size"] == found.batch_size == 64
    assert composed("search", f"hardware={name}", "hardware.batch_size=48")["batch_size"] == 48
    assert composed("search", f"hardware={name}", "+experiment=cifar_smoke")["batch_size"] == 32  # an experiment's wins
    assert composed("search", f"hardware={name}", "batch_size=16")["batch_size"] == 16
    assert composed("pipeline", f"hardware={name}")["multi_fidelity"]["max_workers"] == found.workers


def test_a_card_of_8_gb_runs_its_cells_again() -> None:
    assert all(composed("search", f"hardware={name}")["hardware"]["recompute"] for name in ("rx580", "gpu_8gb"))
    assert composed("search", "hardware=rx580")["hardware"]["precision"] == "32-true"


def test_what_the_trainer_says_of_the_machine_goes_first() -> None:
    words = ("hardware=h100", "trainer.accelerator=cpu", "trainer.precision=64")
    found = hardware_of(composed("search", *words))
    assert (found.accelerator, found.precision) == ("cpu", "64-true")


@pytest.mark.parametrize("name", slow_but(["debug"], sorted({*options_of("trainer")} - {"gpu"})))
def test_every_choice_of_trainer_makes_one(name: str) -> None:
    for command in COMMANDS:
        config = composed(command, f"trainer={name}")
        made = trainer_settings(config).make(hardware_of(config), max_epochs=2, logger=False)
        assert made.num_devices == (2 if name == "ddp" else 1)
        assert made.limit_train_batches == {"debug": 1, "profile": 20}.get(name, 1.0)
        assert made.profiler.__class__.__name__ == ("SimpleProfiler" if name == "profile" else "PassThroughProfiler")


@pytest.mark.parametrize("name", slow_but(["one_step"], options_of("debug")))
def test_every_debug_preset_is_of_one_command_and_says_so_elsewhere(name: str, refused: Callable[..., str]) -> None:
    own = PRESETS.get(name, "search")
    assert composed(own, f"+debug={name}")
    other = "pipeline" if own == "retrain" else "retrain"
    message = refused(other, *COMMANDS[other], f"+debug={name}")
    assert f"+debug={name} is for another command: " in message
    assert f"python -m darts_pl.{own} +debug={name}" in message


def test_loggers_are_chosen_alone_together_or_not_at_all(tmp_path: Path) -> None:
    for words, names in {
        (): ["TensorBoardLogger"],
        ("logger=many",): ["TensorBoardLogger", "CSVLogger"],
        ("logger=[csv,tensorboard]",): ["CSVLogger", "TensorBoardLogger"],
        ("logger=[]",): [],
    }.items():
        for command in COMMANDS:
            found = trainer_settings(composed(command, *words)).loggers(tmp_path)
            assert [type(each).__name__ for each in found] == names


def test_callbacks_of_ones_own_are_made_anew_for_each_fit() -> None:
    words = (
        "+callbacks.mine._target_=lightning.pytorch.callbacks.LearningRateFinder",
        "+callbacks.mine.num_training_steps=3",
    )
    for command in COMMANDS:
        settings = trainer_settings(composed(command, *words))
        first, second = settings.callbacks(), settings.callbacks()
        assert [type(each).__name__ for each in first] == ["LearningRateFinder"] and first[0] is not second[0]
        assert first[0]._num_training_steps == 3 and settings.progress
    silent = composed("search", "callbacks=none")["callbacks"]
    assert silent == {"progress": False, "pictures": False, "guards": False}
    assert composed("search", "guards=false")["callbacks"]["guards"] is False
