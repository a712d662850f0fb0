"""What `python -m darts_pl.benchmark` understands, and what it refuses before any work."""

import json
import os
import signal
import sys
import threading
import time

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from darts_pl import assembly, benchmark
from darts_pl.errors import ConfigError
from darts_pl.paths import conf_dir
from darts_pl.stages.benchmark.settings import Settings, experiment, methods_in, parse
from darts_pl.stages.jobs import CommandJob, run_commands
from darts_pl.stages.jobs.commands import GRACE_S

KNOWN = ("darts", "drnas", "gdas")


def test_everything_by_default():
    assert parse([], KNOWN) == Settings(KNOWN, seeds=(0, 1, 2), jobs=1)
    assert {"darts", "darts_second", "gdas", "drnas", "pcdarts", "darts_pt", "random_ws"} <= set(methods_in(conf_dir()))
    assert methods_in(conf_dir())[0] == "darts"


def test_lists_numbers_and_settings_of_the_searches():
    found = parse(["method=gdas,darts", "seed=3,1", "jobs=2", "epochs=5", "scale=published"], KNOWN)
    assert (found.methods, found.seeds, found.jobs, found.scale) == (("gdas", "darts"), (3, 1), 2, "published")
    assert found.overrides == ("epochs=5",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["method=drna"], "method=drna does not exist. .*drnas"),
        (["scale=publishd"], "scale=publishd does not exist. .*published"),
        (["seed=a"], "seed=a: expected whole numbers"),
        (["jobs=0"], "jobs=0: expected whole numbers of at least 1"),
        (["jobs=1,2"], "jobs=1,2: expected one number"),
        (["methods=darts"], "expected method=darts"),
        (["resume=there", "seed=1"], "leave seed=1 out"),
        (["darts"], "found 'darts', expected key=value"),
    ],
)
def test_what_is_wrong_is_named(words, message):
    with pytest.raises(ConfigError, match=message):
        parse(words, KNOWN)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nasbench201", "method=darts", "epochz=3"], "epochs"),
        (["nasbench201", "method=darts", "epochs=none"], "epochs"),
        (["nasbench201", "resume=nowhere"], "found no benchmark.json"),
    ],
)
def test_bad_settings_stop_the_command_before_any_search(words, message, capsys, tmp_path, monkeypatch, real_data):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DARTS_PL_DATA", str(real_data))
    assert benchmark.main(words) == 2
    assert message in capsys.readouterr().err
    assert not [*tmp_path.glob("outputs/*/*/*/*")]


SECOND_ORDER = "darts_pl.hypergradient.finite_difference"
AUTODL = {"weight_decay": 5e-4, "weights_optimizer.nesterov": True}  # configs/nas-benchmark/algos of AutoDL-Projects
PLAIN = {"weight_decay": 3e-4, "weights_optimizer.nesterov": False}  # arguments of the methods' own repositories
PUBLISHED = {  # epochs, arch_learning_rate and what else the authors' code has
    "darts": (50, 3e-4, {**AUTODL, "batch_size": 64, "arch_weight_decay": 1e-3,
                         "alphas_optimizer.betas": [0.5, 0.999]}),
    "darts_second": (50, 3e-4, {"weight_decay": 5e-4}),
    "gdas": (250, 3e-4, {**AUTODL, "relaxation.tau_start": 10.0, "relaxation.tau_end": 0.1, "mixing.constant": True,
                         "alphas_optimizer.betas": [0.5, 0.999]}),
    "random_ws": (250, 3e-4, {**AUTODL, "selection.candidates": 100}),
    "drnas": (100, 3e-4, {**PLAIN, "mixing.channel_divisor": None, "phases": [], "arch_weight_decay": 1e-3}),
    "drnas_progressive": (100, 3e-4, {**PLAIN, "phases.0.channel_divisor": 4, "phases.1.channel_divisor": 2,
                                      "phases.1.keep": 3, "phases.0.alpha_warmup_share": 0.2}),
    "snas": (100, 3e-4, {**PLAIN, "relaxation.tau_start": 10.0, "relaxation.tau_end": 1.0, "relaxation.hard": False}),
    "darts_pt": (100, 3e-4, {**PLAIN, "selection.tune_epochs": 5, "selection.learning_rate_factor": 0.1}),
    "beta_darts": (100, 3e-4, {**PLAIN, "arch_weight_decay": 1e-3, "rules.beta_decay.weight": 50.0}),
    "lambda_darts": (100, 1e-4, {**PLAIN, "rules.layer_alignment.weight": 0.25, "arch_weight_decay": 1e-3}),
    "pcdarts": (50, 6e-4, {**PLAIN, "alpha_warmup_epochs": 15, "learning_rate": 0.1, "min_learning_rate": 0.0,
                           "batch_size": 256}),
    "pdarts": (75, 6e-4, {"derivation.none": False}),
    "rdarts_dp": (50, 3e-4, {"rules.drop_path.maximum": 0.2, "data.cutout": 16, "data.cutout_rises": True}),
    "fairdarts": (50, 3e-3, {}),
    "darts_es": (50, 3e-4, {"rules.eigenvalue_stop.window": 5, "rules.eigenvalue_stop.every": 2}),
}  # fmt: skip


@pytest.mark.parametrize("method", PUBLISHED)
def test_the_published_scale_leaves_nothing_of_the_small_one(method):
    epochs, rate, others = PUBLISHED[method]
    config = composed(*experiment(method, "published", conf_dir()))
    assert (config.epochs, config.arch_learning_rate) == (epochs, rate)
    assert (config.space.init_channels, config.space.layers) == (16, 5)
    assert (config.data.shrink, config.data.limit_train) == (1, None)
    others = {"alpha_warmup_epochs": 0, "learning_rate": 0.025, "min_learning_rate": 0.001, **others}
    assert {key: OmegaConf.select(config, key) for key in others} == others


ON_CIFAR = {  # what the authors' code has in the DARTS cell space
    "gdas": {**AUTODL, "epochs": 250, "batch_size": 256, "learning_rate": 0.025, "arch_learning_rate": 3e-4},
    "beta_darts": {"epochs": 50, "batch_size": 64, "arch_learning_rate": 3e-4, "arch_weight_decay": 1e-3},
    "lambda_darts": {"batch_size": 96, "arch_learning_rate": 3e-4, "rules.layer_alignment.weight": 0.25},
    "rdarts_dp": {"data.cutout": 16, "data.cutout_rises": True, "hypergradient._target_": SECOND_ORDER},
    "rdarts_l2": {"hypergradient._target_": SECOND_ORDER, "data.cutout": None},
    "darts_es": {"hypergradient._target_": SECOND_ORDER, "rules.eigenvalue_stop.factor": 1.3},
}


@pytest.mark.parametrize("method", ON_CIFAR)
def test_experiments_on_cifar_are_as_their_authors_ran_them(method):
    config = composed(f"+experiment=cifar_{method}")
    assert {key: OmegaConf.select(config, key) for key in ON_CIFAR[method]} == ON_CIFAR[method]


def composed(*words):
    assembly.register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose("search", list(words))


class Script(CommandJob):
    """A job that runs a text of Python."""

    def command(self):
        return [sys.executable, "-c", self.overrides[0]]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_again_ends_jobs_that_do_not_end_and_starts_no_other(tmp_path):
    begun = tmp_path / "begun"
    text = (
        "import os, signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        f"open({str(begun)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(600)"
    )
    deaf, never = Script("deaf", tmp_path / "deaf", (text,)), Script("never", tmp_path / "never", ("",))

    def press_twice():
        while not (begun.exists() and begun.read_text().endswith(".")):
            time.sleep(0.01)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

    pressing = threading.Thread(target=press_twice)
    pressing.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_commands([deaf, never], at_once=1, threads=1)
    pressing.join()
    assert time.monotonic() - started < GRACE_S / 2
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()[:-1]), 0)
    assert not never.folder.exists()


def test_a_failed_job_is_passed_over(tmp_path):
    """Real processes: the second fails, the third still runs, a done one is not started again."""

    def script(name: str, text: str) -> Script:
        return Script(name, tmp_path / name, (text,))

    done = script("done", "raise SystemExit(9)")
    done.folder.mkdir()
    manifest = {"command": "search", "config_sha256": "", "stages": {}, "seconds": 0.0, "peak_memory_mib": 0.0}
    (done.folder / "manifest.json").write_text(json.dumps({**manifest, "status": "complete"}))
    good = script("good", f"open(r'{tmp_path / 'good' / 'ran'}', 'w')")
    last = script("last", f"open(r'{tmp_path / 'last' / 'ran'}', 'w')")
    bad = script("bad", "raise SystemExit('no memory')")
    assert run_commands([done, good, bad, last], at_once=2, threads=1) == [bad]
    assert (tmp_path / "good" / "ran").is_file() and (tmp_path / "last" / "ran").is_file()
    assert "no memory" in (tmp_path / "bad" / "job.log").read_text()
