"""What cannot be is refused before any work, with the place and the nearest that could be."""

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from pipeline_series import TINY, FinishedRun, command, composed, hourly, write_csv

from darts_pl.errors import ConfigError, RunError
from darts_pl.forecasting import build_plan, parts_factory
from darts_pl.forecasting.order import chosen_genotype
from darts_pl.stages.pipeline.candidates import candidates
from darts_pl.stages.run import RunFolder


def refused(csv: Path, folder: Path, *words: str) -> str:
    """What the command says; nothing but the empty run is there afterwards."""
    status, printed, errors = command(f"data.csv={csv}", *TINY, *words, f"hydra.run.dir={folder}")
    assert status == 2 and "Chosen" not in printed and "Traceback" not in errors
    assert {path.name for path in folder.glob("*")} <= {"pipeline.log", "config.yaml", "manifest.json"}
    if (folder / "manifest.json").exists():
        assert json.loads((folder / "manifest.json").read_text())["stages"] == {}
    return errors


def test_a_missing_value_is_told_with_its_row_and_column(tmp_path: Path) -> None:
    frame = hourly()
    frame.loc[57, "flow"] = float("nan")
    said = refused(write_csv(tmp_path / "gap.csv", frame), tmp_path / "run")
    assert "column 'flow', line 59, 2021-01-06 09:00:00: a value is missing (1 of 400)" in said
    assert "data.missing=interpolate" in said


def test_text_among_the_numbers_is_told_with_its_place(tmp_path: Path) -> None:
    frame = hourly().astype({"load": object})
    frame.loc[3, "load"] = "12,5"
    said = refused(write_csv(tmp_path / "text.csv", frame), tmp_path / "run")
    assert "line 5, column 'load': found '12,5', " in said and "data.decimal=','\" reads it as 12.5" in said


BY_THE_COMMAND = {
    "multi_fidelity.topk=2": "multi_fidelity.topk: no such key. Did you mean 'top_k'?",
    "space.mode=[mamba]": "space.mode: no such key. Did you mean 'modes'?",
    "+data.lookback=24": "data.lookback: unknown key. Did you mean 'look_back'?",
    "derivation=top_edge": "Could not find 'derivation/top_edge'. Did you mean 'top_edges'?",
    "multi_fidelity.eta=1": "multi_fidelity.eta: found 1, expected a number of at least 2",
    "train.alpha_warmup_epochs=2": "alpha_warmup_epochs=2: expected less than epochs=2",
    "space.imports=[no_such_module_here]": "space.imports: cannot import 'no_such_module_here'",
    "space.operations=[identity,dlinera]": "space.operations: 'dlinera' does not exist. Did you mean 'dlinear'?",
    "data.targets=[laod]": "data.targets: 'laod' is no column of",
    "data.look_back=500": "data.look_back=500",
    "train.loss=mes": "loss='mes' is no loss of a forecast. Did you mean 'mse'?",
    "train.batch_size=500": "batch_size=500 is larger than the 'weights' part",
    "mixing=partial": "mixing=PartialChannels mixes one part in 4 of an image's channels",
    "rule=[skip_stop]": "SkipStop ends searches early, and so do rungs. Take multi_fidelity.rungs=1",
    "hypergradient=exact": "the second-order hypergradient unrolls a plain SGD step, found weights_optimizer AdamW",
}


def test_a_command_without_a_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, errors = command()
    assert status == 2 and "no series to forecast was named" in errors
    assert "python -m darts_pl.pipeline data.csv=my.csv" in errors and "+experiment=forecast_smoke" in errors


def test_a_file_that_is_not_there(csv: Path, tmp_path: Path) -> None:
    for name in ("requirements.txt", "notes.txt"):
        (tmp_path / name).write_text("no table\n")
    said = refused(tmp_path / "nofile.csv", tmp_path / "run")
    assert f"nofile.csv is no file. In {tmp_path} there is no table" in said and ".txt" not in said
    said = refused(csv.with_name("hurly.csv"), tmp_path / "run_2")
    assert "hurly.csv is no file. Did you mean 'hourly.csv'?" in said
    assert f"{tmp_path} is no file. It is a folder" in refused(tmp_path, tmp_path / "run_3")


def test_names_of_other_modes_are_passed_over(planned: tuple, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """space.modes=[encoder_only] alone, with the names for all modes that the configuration lists."""
    config, data = planned
    space = {**config["space"], "modes": ["encoder_only"], "attentions": ["none", "full", "mamba"]}
    plan = build_plan({**config, "space": space}, data)
    run = RunFolder.open(tmp_path / "run", command="pipeline", config={}, device="cpu")
    with caplog.at_level(logging.INFO, "darts_pl"):
        pool = candidates(run, plan.ranges, count=8, seed=0)
    assert {name for each in pool.values() for name in each["attentions"]} == {"none", "full"}
    assert "space.attentions: no candidate gets mamba, which space.modes=[encoder_only] does not know" in caplog.text


def test_schemes_that_weigh_nothing_measured_are_left_out(csv: Path) -> None:
    """One measured proxy is enough, although the default schemes to compare weigh others."""
    config = composed(csv, "multi_fidelity.proxies=[synflow]")
    data = parts_factory(config)().final_data()
    assert set(build_plan(config, data).schemes) == {"the run's", "equal"}


@pytest.mark.parametrize("words", BY_THE_COMMAND)
def test_what_cannot_be_ends_the_command(csv: Path, tmp_path: Path, words: str) -> None:
    assert BY_THE_COMMAND[words] in refused(csv, tmp_path / "run", words)


@pytest.fixture(scope="module")
def planned(csv: Path) -> tuple[dict[str, Any], Any]:
    """A configuration, and the data that its plan is of."""
    config = composed(csv)
    return config, parts_factory(config)().final_data()


BY_THE_PLAN = {
    "space.modes": (["mamba", "encoder"], "space.modes: 'encoder' does not exist."),
    "space.tokens": (["patch"], "space.tokens: 'patch' does not exist in encoder_only, mamba. Did you mean 'patches'?"),
    "space.operations_per_candidate": ([3], "space.operations_per_candidate=[3]: expected two numbers"),
    "space.patch_lengths": ([8, 30], "space.patch_length=30 is longer than the look-back, data.look_back=24"),
    "space.heads": (3, "space.hidden_dim=8 does not divide into space.heads=3"),
    "space.layers": ([1, 0], "space.layers=0: expected at least 1"),
    "multi_fidelity.proxies": (["params", "nazwot"], "'nazwot' does not exist. Did you mean 'naswot'?"),
    "multi_fidelity.scheme": ("eqaul", "weighting scheme 'eqaul' is not known. Did you mean 'equal'?"),
    "multi_fidelity.rungs": (3, "rungs would end at epochs [1, 1, 2] of train.epochs=2"),
    "multi_fidelity.max_workers": (0, "multi_fidelity.max_workers=0: expected at least 1, or null"),
    "ablation.schemes": (["sice"], "weighting scheme 'sice' is not known. Did you mean 'size'?"),
    "final.baselines": (["dlinaer"], "final.baselines: 'dlinaer' does not exist. Did you mean 'dlinear'?"),
    "robust_pool.pools": (7, "robust_pool.pools=7: 4 operations have 6 subsets of 2"),
}


@pytest.mark.parametrize("name", BY_THE_PLAN)
def test_what_cannot_be_is_no_plan(planned: tuple[dict[str, Any], Any], name: str) -> None:
    config, data = planned
    section, key = name.split(".")
    value, words = BY_THE_PLAN[name]
    with pytest.raises(ConfigError, match=re.escape(words)):
        build_plan({**config, section: {**config[section], key: value}}, data)


@pytest.mark.parametrize(("names", "words"), [([], "expected at least one of"), (["swap"] * 2, "the same name twice")])
def test_proxies_that_are_none_or_twice_the_same(planned: tuple, names: list[str], words: str) -> None:
    config, data = planned
    with pytest.raises(ConfigError, match=f"multi_fidelity.proxies.*{words}"):
        build_plan({**config, "multi_fidelity": {**config["multi_fidelity"], "proxies": names}}, data)


@pytest.fixture
def kept(whole: FinishedRun, tmp_path: Path) -> Path:
    """As much of the finished run as tells what it was."""
    for name in ("manifest.json", "config.yaml"):
        shutil.copy(whole.path / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seed=5"], "seed: 0 there, 5 here"),
        (["multi_fidelity.top_k=3"], "multi_fidelity.top_k: 4 there, 3 here"),
        (["relaxation=sigmoid"], "relaxation._target_: 'darts_pl.relaxations.Softmax' there"),
    ],
)
def test_other_settings_are_not_gone_on_with(csv: Path, kept: Path, words: list[str], said: str) -> None:
    before = (kept / "manifest.json").read_bytes()
    status, _, errors = command(f"data.csv={csv}", *TINY, *words, f"resume={kept}")
    assert status == 2 and said in errors and "or start a new run" in errors
    assert (kept / "manifest.json").read_bytes() == before


def test_a_folder_that_holds_no_run_is_not_gone_on_with(whole: FinishedRun, tmp_path: Path) -> None:
    status, _, errors = command(f"resume={tmp_path}")
    assert status == 2 and "it holds no manifest.json" in errors
    status, _, errors = command(f"resume={whole.path}s")
    assert status == 2 and f"there is no such folder. Did you mean '{whole.path}'?" in errors


def test_a_finished_run_is_not_overwritten(csv: Path, whole: FinishedRun, kept: Path) -> None:
    status, _, errors = command(f"data.csv={csv}", *TINY, f"hydra.run.dir={kept}")
    assert status == 2 and f"holds a run already. To go on with it: resume={kept}" in errors


def test_what_was_chosen_is_never_replaced_by_a_random_architecture(tmp_path: Path) -> None:
    """Without a genotype the final stage would draw one and call it `searched`."""
    run = RunFolder.open(tmp_path, command="pipeline", config={"seed": 0}, device="cpu")
    with pytest.raises(RunError, match="the genotype of c3, which was chosen, is gone"):
        chosen_genotype(run, "c3")
