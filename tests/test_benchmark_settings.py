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


PUBLISHED = {  # epochs, arch_learning_rate and what else a method has of its own
    "darts": (50, 3e-4, {}),
    "gdas": (250, 3e-4, {"weight_decay": 5e-4}),
    "drnas": (100, 6e-4, {"mixing.edge_normalization": False}),
    "pcdarts": (50, 6e-4, {"alpha_warmup_epochs": 15}),
    "fairdarts": (50, 3e-3, {}),
    "darts_es": (50, 3e-4, {"rules.eigenvalue_stop.window": 5, "rules.eigenvalue_stop.every": 2}),
    "darts_pt": (50, 3e-4, {"selection.tune_epochs": 10}),
    "random_ws": (100, 3e-4, {"selection.candidates": 1000}),
}


@pytest.mark.parametrize("method", PUBLISHED)
def test_the_published_scale_leaves_nothing_of_the_small_one(method):
    assembly.register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("search", list(experiment(method, "published", conf_dir())))
    epochs, rate, others = PUBLISHED[method]
    assert (config.epochs, config.arch_learning_rate, config.learning_rate) == (epochs, rate, 0.025)
    assert (config.space.init_channels, config.space.layers) == (16, 5)
    assert (config.data.shrink, config.data.limit_train) == (1, None)
    assert {key: OmegaConf.select(config, key) for key in others} == others


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
