"""The frame of the commands: every misuse gets a message that names the nearest choice, and the right exit status."""

import errno
import os
import shlex
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from darts_pl.commands import run_command
from darts_pl.errors import ConfigError, DataError, TrainingError


@dataclass
class Inner:
    depth: int = 1


@dataclass
class Schema:
    epochs: int = 3
    seed: int = 0
    rate: float = 0.1
    genotype: str = "DARTS_V1"
    resume: str | None = None
    space: dict[str, Any] = field(default_factory=dict)
    relaxation: dict[str, Any] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


class Space:
    """A part with plain annotations, as the project's own parts have."""

    def __init__(self, layers: int, kind: Literal["wide", "deep"] = "wide", ratio: float | None = None):
        if layers < 1:
            raise ConfigError(f"space.layers: found {layers}, expected at least 1")
        if layers == 13:
            raise TypeError("a defect inside the part")
        self.layers = layers


FILES = {
    "search.yaml": """
        defaults: [commands_test_schema, {space: cells}, {relaxation: softmax}, _self_,
                   {override hydra/job_logging: none}, {override hydra/hydra_logging: none}]
        hydra: {run: {dir: outputs/run}, sweep: {dir: outputs/sweep}}
        """,
    "space/cells.yaml": f"{{_target_: {__name__}.Space, layers: 8}}",
    "relaxation/softmax.yaml": "{_target_: builtins.dict}",
    "relaxation/gumbel.yaml": "{_target_: builtins.dict, tau: 1.0}",
    "experiment/cifar_first_order.yaml": "# @package _global_\nepochs: 50",
    "experiment/broken.yaml": "# @package _global_\nepoch: 50",
    "experiment/typed.yaml": "# @package _global_\nepochs: many",
    "experiment/headless.yaml": "# a comment first\n# @package _global_\nepochs: 1",
    "experiment/headless_part.yaml": "# a comment first\n# @package _global_\ndefaults: [override /relaxation: gumbel]",
    "experiment/syntax.yaml": "# @package _global_\nepochs: [",
}


@pytest.fixture
def conf(tmp_path, monkeypatch) -> Path:
    """A configuration folder; the test runs beside it."""
    ConfigStore.instance().store(name="commands_test_schema", node=Schema)
    for name, content in FILES.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "conf"


def build(cfg: DictConfig) -> None:
    """What every command does: build the parts."""
    instantiate(cfg.space)


def told(capsys) -> str:
    """What was printed as errors, none of it by Hydra."""
    message = capsys.readouterr().err
    assert "Error executing job with overrides" not in message
    return message


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


def begin_run() -> None:
    """What makes a run of the folder of the present job."""
    Path(HydraConfig.get().runtime.output_dir, "manifest.json").write_text("{}")


def interrupt(cfg):
    """Ctrl-C in a run that had begun."""
    begin_run()
    raise KeyboardInterrupt


def test_ctrl_c_before_a_run_has_begun(conf, capsys):
    def early(cfg):
        raise KeyboardInterrupt

    assert run_command(early, "search", [], conf) == 130
    assert capsys.readouterr().err == "stopped before the run began\n"


def test_ctrl_c_tells_how_to_go_on(conf, capsys):
    Path("mine").mkdir()
    argv = ["--config-dir", "mine", "epochs=9", "hydra.run.dir='outputs/a b=c'"]
    assert run_command(interrupt, "search", argv, conf) == 130
    message = capsys.readouterr().err.strip()
    begin = "stopped; continue with: python -m darts_pl.search "
    assert message.startswith(begin + "--config-dir mine epochs=9 ")
    folder = Path("outputs/a b=c").absolute()
    assert read_back(message.removeprefix(begin), conf) == str(folder)


def read_back(argument: str, conf: Path) -> str:
    """The folder that a shell and Hydra make of the printed command."""
    folders = []
    assert run_command(lambda cfg: folders.append(cfg.resume), "search", shlex.split(argument), conf) == 0
    return folders[0]


def test_a_resumed_run_is_told_once_where_to_go_on(conf, capsys):
    argv = ["resume=outputs/first", "seed=4", "hydra.run.dir=${resume}"]
    assert run_command(interrupt, "search", argv, conf) == 130
    folder = Path("outputs/first").absolute()
    message = capsys.readouterr().err
    assert message.endswith(f"darts_pl.search seed=4 resume={folder}\n")


def test_a_stopped_multirun_goes_on_as_a_whole(conf, capsys):
    assert run_command(interrupt, "search", ["-m", "seed=0,1"], conf) == 130
    folder = Path("outputs/sweep").absolute()
    assert capsys.readouterr().err.endswith(f"darts_pl.search -m seed=0,1 resume={folder}\n")


def test_an_interpolation_is_resolved_before_it_is_checked(conf):
    ratios = []
    argv = ["+space.ratio=${rate}"]
    assert run_command(lambda cfg: ratios.append(OmegaConf.select(cfg, "space.ratio")), "search", argv, conf) == 0
    assert ratios == [0.1]
