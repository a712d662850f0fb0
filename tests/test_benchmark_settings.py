"""What `python -m darts_pl.benchmark` understands, and what it refuses before any work."""

import json
import sys

import pytest

from darts_pl import benchmark
from darts_pl.errors import ConfigError
from darts_pl.paths import conf_dir
from darts_pl.stages.benchmark.jobs import Job, run_jobs
from darts_pl.stages.benchmark.settings import Settings, methods_in, parse

KNOWN = ("darts", "drnas", "gdas")


def test_everything_by_default():
    assert parse([], KNOWN) == Settings(KNOWN, seeds=(0, 1, 2), jobs=1)
    assert {"darts", "darts_second", "gdas", "drnas", "pcdarts", "darts_pt", "random_ws"} <= set(methods_in(conf_dir()))
    assert methods_in(conf_dir())[0] == "darts"


def test_lists_numbers_and_settings_of_the_searches():
    found = parse(["method=gdas,darts", "seed=3,1", "jobs=2", "epochs=5", "+scale=published"], KNOWN)
    assert (found.methods, found.seeds, found.jobs) == (("gdas", "darts"), (3, 1), 2)
    assert found.overrides == ("epochs=5", "+scale=published")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["method=drna"], "method=drna does not exist. .*drnas"),
        (["seed=a"], "seed=a: expected whole numbers"),
        (["jobs=0"], "jobs=0: expected whole numbers of at least 1"),
        (["jobs=1,2"], "jobs=1,2: expected one number"),
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


def test_a_failed_job_is_passed_over(tmp_path, monkeypatch):
    """Real processes: the second fails, the third still runs, a done one is not started again."""

    class Script(Job):
        def command(self):
            return [sys.executable, "-c", self.overrides[0]]

    def script(name: str, text: str) -> Script:
        return Script(name, tmp_path / name, (text,))

    done = script("done", "raise SystemExit(9)")
    done.folder.mkdir()
    (done.folder / "manifest.json").write_text(json.dumps({"status": "complete"}))
    good = script("good", f"open(r'{tmp_path / 'good' / 'ran'}', 'w')")
    last = script("last", f"open(r'{tmp_path / 'last' / 'ran'}', 'w')")
    bad = script("bad", "raise SystemExit('no memory')")
    assert run_jobs([done, good, bad, last], at_once=2, threads=1) == [bad]
    assert (tmp_path / "good" / "ran").is_file() and (tmp_path / "last" / "ran").is_file()
    assert "no memory" in (tmp_path / "bad" / "job.log").read_text()
