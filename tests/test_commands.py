"""The frame of the commands: every misuse gets a message that names the nearest choice, and the right exit status."""

import errno
import os
import sys
from pathlib import Path

import pytest
from command_frame import build, told
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from darts_pl.commands import run_command
from darts_pl.errors import DataError, TrainingError


def test_a_command_composes_and_runs(conf):
    seen = []

    def task(cfg):
        seen.append((cfg.epochs, HydraConfig.get().job.name, os.environ["HYDRA_FULL_ERROR"]))

    argv, before = list(sys.argv), os.environ.get("HYDRA_FULL_ERROR")
    assert run_command(task, "search", ["+experiment=cifar_first_order"], conf) == 0
    assert seen == [(50, "search", "1")]
    assert (sys.argv, os.environ.get("HYDRA_FULL_ERROR")) == (argv, before)


MISUSES = {
    "epoch=3": ["epoch: no such key", "Did you mean 'epochs'?"],
    "++epoch=3": ["epoch: unknown key", "Did you mean 'epochs'?"],
    "+epoch=3": ["epoch: unknown key", "Did you mean 'epochs'?"],
    "+foo=1": ["foo: unknown key", "Choose one of", "epochs"],
    "relaxtion=softmax": ["relaxtion: no such key", "Did you mean 'relaxation'?"],
    "space.layer=4": ["space.layer: no such key", "Did you mean 'layers'?"],
    "+space.layer=4": ["space.layer: unknown key", "Did you mean 'layers'?"],
    "inner.dept=4": ["inner.dept: no such key", "Did you mean 'depth'?"],
    "+inner.dept=4": ["inner.dept: unknown key", "Did you mean 'depth'?"],
    "relaxation=sofmax": ["relaxation/sofmax", "Did you mean 'softmax'?"],
    "+experiment=cifar_frist_order": ["experiment/cifar_frist_order", "Did you mean 'cifar_first_order'?"],
    "experiment=cifar_first_order": ["write +experiment=cifar_first_order"],
    "+experimnt=cifar_first_order": ["experimnt: unknown key", "Did you mean '+experiment'?"],
    "experimnt=cifar_first_order": ["experimnt: no such key", "Did you mean '+experiment'?"],
    "+experiment=broken": ["In 'experiment/broken'", "epoch: no such key", "Did you mean 'epochs'?"],
    "+experiment=typed": ["In 'experiment/typed'", "epochs: found 'many', expected int"],
    "+experiment=headless": ["experiment", "must begin with the line '# @package _global_'"],
    "+experiment=headless_part": [
        "'experiment/headless_part'",
        "must begin with the line '# @package _global_'",
    ],
    "+experiment=syntax": ["not valid YAML", "syntax.yaml"],
    "epochs=abc": ["epochs: found 'abc', expected int"],
    "rate=abc": ["rate: found 'abc', expected float"],
    "seed=null": ["seed: found None, expected int"],
    "epochs.a=1": ["epochs: found {}, expected int"],
    "space.layers=abc": ["space.layers: found 'abc', expected int"],
    "space.layers=true": ["space.layers: found True, expected int"],
    "+space.ratio=abc": ["space.ratio: found 'abc', expected float or null"],
    "+space.kind=wid": ["space.kind: found 'wid'", "Did you mean 'wide'?"],
    "space.layers=0": ["space.layers: found 0, expected at least 1"],
    "space._target_=darts_pl.nowhere.Space": ["space._target_: cannot load 'darts_pl.nowhere.Space'"],
    "~epochs": ["epochs: the key was removed"],
    "genotype=???": ["genotype: no value given, expected genotype=<value>"],
    "genotype=${nothing}": ["genotype", "nothing"],
    "space=null": ["Config group override must be a string"],
    "+space=cells": ["space appears more than once"],
    "epochs": ["'epochs'", "expected key=value"],
    "epochs=[": ["'epochs=['", "expected key=value"],
    "--config-dir=nowhere": ["--config-dir", "nowhere", "expected a folder"],
    "--config-name=serch": ["serch"],
}


@pytest.mark.parametrize("override", MISUSES)
def test_misuse_is_told_without_a_traceback(override, conf, capsys):
    assert run_command(build, "search", [override], conf) == 2
    message = told(capsys)
    assert message.startswith("error: ") and "Traceback" not in message
    assert [words for words in MISUSES[override] if words not in message] == [], message
    assert len(message) < 400


def test_correct_additions_pass(conf):
    assert run_command(build, "search", ["+space.kind=deep", "+space.ratio=2", "relaxation=gumbel"], conf) == 0


def test_a_folder_without_the_configuration_is_told(tmp_path, capsys):
    assert run_command(build, "search", [], tmp_path) == 2
    assert "search" in capsys.readouterr().err


def test_users_own_folder_adds_experiments(conf, tmp_path):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "own.yaml").write_text("# @package _global_\nepochs: 7\n")
    epochs = []
    task = lambda cfg: epochs.append(cfg.epochs)  # noqa: E731
    assert run_command(task, "search", ["--config-dir", "mine", "+experiment=own"], conf) == 0
    assert epochs == [7]


def test_the_projects_errors_are_messages(conf, capsys):
    def task(cfg):
        raise DataError("data.root: no such folder")

    assert run_command(task, "search", [], conf) == 2
    assert told(capsys) == "error: data.root: no such folder\n"


def test_a_full_disk_is_a_message(conf, capsys):
    def task(cfg):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "outputs/last.ckpt")

    assert run_command(task, "search", [], conf) == 2
    message, way_on = told(capsys).splitlines()
    assert message == "error: outputs/last.ckpt: No space left on device"
    assert way_on.startswith("then continue with: python -m darts_pl.search resume=")


def test_an_output_folder_that_is_a_file_is_a_message(conf, capsys):
    Path("outputs").write_text("in the way")
    assert run_command(build, "search", [], conf) == 2
    assert "outputs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "argv", "kind"),
    [
        (lambda cfg: cfg.nothing, [], Exception),
        (lambda cfg: [][1], [], IndexError),
        (lambda cfg: Path("nowhere").read_text(), [], FileNotFoundError),
        (build, ["space.layers=13"], Exception),
    ],
)
def test_defects_keep_their_traceback(task, argv, kind, conf, capsys):
    with pytest.raises(kind):
        run_command(task, "search", argv, conf)
    assert told(capsys) == ""


def test_a_call_that_does_not_fit_names_the_part(conf, capsys):
    assert run_command(build, "search", ["~space.layers"], conf) == 2
    message = capsys.readouterr().err
    assert "layers" in message and "missing 1 required" in message


def fail_for_some_seeds(cfg):
    if cfg.seed == 1:
        raise TrainingError("the loss is not finite at step 4")
    Path(f"done_{cfg.seed}").touch()


def test_a_multirun_runs_all_jobs_and_lists_the_failed(conf, capsys):
    assert run_command(fail_for_some_seeds, "search", ["-m", "seed=0,1,2", "epochs=1,2"], conf) == 2
    message = capsys.readouterr().err
    assert "2 of 6 jobs failed" in message
    assert "seed=1 epochs=1: the loss is not finite at step 4" in message
    assert "seed=1 epochs=2: the loss is not finite" in message
    assert Path("done_0").exists() and Path("done_2").exists()


def test_a_multirun_with_a_defect_raises_it_after_the_list(conf, capsys):
    def task(cfg):
        fail_for_some_seeds(cfg)
        if cfg.seed == 2:
            raise IndexError("a defect")

    with pytest.raises(IndexError, match="a defect"):
        run_command(task, "search", ["-m", "seed=0,1,2"], conf)
    message = capsys.readouterr().err
    assert "seed=1: the loss is not finite at step 4" in message
    assert "seed=2: IndexError('a defect')" in message


def test_a_wrong_choice_in_a_sweep_stops_it_before_any_job(conf, capsys):
    assert run_command(fail_for_some_seeds, "search", ["-m", "seed=0,abc"], conf) == 2
    assert "seed: found 'abc', expected int" in capsys.readouterr().err
    assert not Path("done_0").exists()


def test_an_interpolation_is_resolved_before_it_is_checked(conf):
    ratios = []
    argv = ["+space.ratio=${rate}"]
    assert run_command(lambda cfg: ratios.append(OmegaConf.select(cfg, "space.ratio")), "search", argv, conf) == 0
    assert ratios == [0.1]
