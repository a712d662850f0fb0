"""What a command line cannot say: told with what to type instead. None of these lines begins a run."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from darts_pl.__main__ import main as package
from darts_pl.genotype import KNOWN, read, to_original_text
from darts_pl.overrides import quoted, typed

ODD = (
    "/home/me/my images (1)/x=y",
    "/home/me/[a]{b};#c&d!e~f",
    "/home/мои/картинки",
    "/home/图片/é",
    "it's",
    'say "hi"',
    "both ' and \"",
    "C:\\Users\\me\\",
    "a,b",
    "100 %",
    "2024: x",
)


def as_typed(line: str) -> object:
    """What Hydra takes from one word of a shell's line."""
    (word,) = shlex.split(line)
    return OverridesParser.create().parse_override(word).value()


@pytest.mark.parametrize("value", [*ODD, " leading", "plain", "/a/b-c.d_e", "x\ty", "\\", "\\'\\\""])
def test_a_value_in_the_quotes_that_are_told_is_the_value_itself(value: str):
    assert as_typed(typed("data.root", value)) == value
    assert OverridesParser.create().parse_override(f"resume={quoted(value)}").value() == value


@pytest.mark.parametrize("value", ODD)
def test_a_value_that_cannot_be_read_is_told_with_what_to_type(value: str, refused: Callable):
    message = refused("search", "data=images", f"data.root={value}")
    assert typed("data.root", value) in message or f"there is no {value}" in message, message


@pytest.mark.parametrize("command, name, right", [
    ("search", "forecast_smoke", "pipeline"),
    pytest.param(*("search", "etth1_staged", "pipeline"), marks=pytest.mark.slow),
    pytest.param(*("retrain", "forecast_smoke", "pipeline"), marks=pytest.mark.slow),
    ("pipeline", "cifar_smoke", "search"),
    pytest.param(*("pipeline", "trec", "search"), marks=pytest.mark.slow),
    pytest.param(*("retrain", "nasbench201_drnas", "search"), marks=pytest.mark.slow),
    ("pipeline", "cifar_retrain", "retrain"),
])  # fmt: skip
def test_an_experiment_of_another_command_names_it(command: str, name: str, right: str, refused: Callable):
    assert f"python -m darts_pl.{right} +experiment={name}" in refused(command, f"+experiment={name}")


def test_an_experiment_of_ones_own_is_looked_for_in_its_folder(tmp_path: Path, refused: Callable):
    place = tmp_path / "mine here" / "experiment"
    place.mkdir(parents=True)
    (place / "own.yaml").write_text("# @package _global_\ndefaults: [{override /data: co2}]\ntrain: {epochs: 2}\n")
    message = refused("search", "--config-dir", "mine here", "+experiment=own")
    assert "python -m darts_pl.pipeline +experiment=own" in message
    (place / "own.yaml").write_text("# @package _global_\nepoch: 2\n")
    assert refused("search", "--config-dir", "mine here", "+experiment=own").endswith("Did you mean 'epochs'?")


NET = "lightning.pytorch.demos.boring_classes.BoringDataModule"
OPERATION = "{own: {_target_: torch.nn.Conv2d, _partial_: true, kernel_size: 3, out_channels: 7}}"


@pytest.mark.parametrize("group, content, word, told", [
    ("rule", "_target_: darts_pl.rules.BetaDecay", "rule=[own]", "'# @package rules.own'"),
    ("rule", "# @package rules.own\n_target_: torch.nn.Identity", "rule=[own]", "expected one of a subclass"),
    ("relaxation", "_target_: torch.nn.Identity", "relaxation=own", "darts_pl.relaxations.base.Relaxation"),
    ("data", f"_target_: {NET}", "data=own", f"data=module data.target={NET}"),
    ("space", "defaults: [digits]\nprimitives: [none, own]", "space=own", "under its name in space.operations"),
    ("space", f"defaults: [digits]\nprimitives: [own]\noperations: {OPERATION}", "space=own",
     "space.operations.own: expected what builds a module of (channels, stride, affine)"),
])  # fmt: skip
def test_a_part_of_ones_own_that_cannot_be_is_told_with_its_cure(
    group: str, content: str, word: str, told: str, tmp_path: Path, refused: Callable
):
    (tmp_path / "mine" / group).mkdir(parents=True)
    (tmp_path / "mine" / group / "own.yaml").write_text(f"{content}\n")
    assert told in refused("search", "--config-dir", "mine", word)


@pytest.mark.parametrize("command, words, told", [
    ("search", ["epochs=1,2"], "-m epochs=1,2"),
    ("search", ["epochs=range(1,3)"], "-m 'epochs=range(1,3)'"),
    ("search", ["rule=beta_decay,skip_stop"], "'rule=[beta_decay,skip_stop]'"),
    ("search", ["data.limit_train=9"], "It is a setting of data=breast_cancer, cifar10"),
    ("search", ["data.limit_trian=9"], "Did you mean 'limit_train'? It is a setting of data="),
    ("search", ["+data.flipp=true"], "Did you mean 'flip'?"),
    ("search", ["relaxation.hard=true"], "It is a setting of relaxation=gumbel, and not of the one chosen here"),
    ("search", ["hydr.run.dir=x"], "Did you mean 'hydra'?"),
    ("search", ["genotype=DARTS_V2"], "It is a setting of python -m darts_pl.retrain"),
    ("pipeline", ["epochs=3"], "Did you mean train.epochs or final.epochs?"),
    ("search", ["--epochs=3"], "Settings are written without dashes: epochs=3"),
    ("search", ["--epochs", "3"], "Settings are written without dashes: epochs=3"),
    ("search", ["-seed=3"], "Settings are written without dashes: seed=3"),
    ("search", ["--resume", "x"], "Settings are written without dashes: resume=x"),
    ("search", ["epochs=3", "--config-dir", ".", "seed=3"], "Put options such as --config-dir before them"),
    ("search", ["--hlep"], "Did you mean '--help'?"),
    ("search", ["--config-dir", "nowhere"], "nowhere' not found, expected a folder"),
    ("search", ["epochs", "=", "3"], "found a blank beside the sign ="),
    ("search", ["epochs=", "3"], "found a blank beside the sign ="),
    ("search", ["epochs = 3"], "found a blank beside the sign ="),
    ("search", ["=3"], "found no key before the sign ="),
    ("search", ["эпох=3"], "found 'эпох' before the sign =, expected a key"),
    ("search", ["epochs"], "expected key=value, such as epochs=<value>"),
    ("search", ["seed=abc"], "seed: found 'abc', expected int"),
    ("search", ["data=images", "data.root=/my", "images"], "put both into quotes: 'data.root=\"/my images\"'"),
    ("search", ["data=images", "data.root=2024"], "'data.root=\"2024\"'"),
    ("search", ["rule=[beta_decay"], "A list is written [a,b]"),
    ("retrain", ["DARTS_V2"], "such as genotype=DARTS_V2"),
    ("retrain", ["genotype="], "expected a file, a run folder or a known name"),
    ("retrain", ["genotype=Genotype(normal=[('none', 0)])"], "put the text into a file"),
])  # fmt: skip
def test_a_line_that_cannot_be_is_told_with_what_is_meant(command: str, words: list, told: str, refused: Callable):
    assert told in refused(command, *words)


def test_a_folder_of_a_run_as_a_word_is_told_as_resume(tmp_path: Path, refused: Callable):
    (tmp_path / "my run").mkdir()
    (tmp_path / "my run" / "manifest.json").write_text("{}")
    assert "To go on with this run: 'resume=\"my run\"'" in refused("search", "my run")


@pytest.mark.parametrize("before", [
    "", "BEST = ", "genotype = ", "[2026-11-22 10:00:00,123][darts_pl][INFO] - genotype = ", "11/22 10:00 AM best: ",
    "10:00:00 (best) ",
])  # fmt: skip
def test_a_genotype_copied_from_a_log_is_read(before: str, tmp_path: Path):
    text = f"{before}{to_original_text(KNOWN['PDARTS'])}"
    (tmp_path / "log.txt").write_text(f"{text}\n")
    assert read(tmp_path / "log.txt") == KNOWN["PDARTS"] == read(text)
    (tmp_path / "log.txt").write_text(f"{text}\n{text} again\n")
    assert read(tmp_path / "log.txt") == KNOWN["PDARTS"]


def test_a_genotype_as_json_text_is_read():
    assert read(KNOWN["DARTS_V1"].to_json()) == KNOWN["DARTS_V1"]


def test_words_of_a_log_that_hold_no_whole_genotype_are_explained(refused: Callable):
    words = "normal 2: dil_conv_5x5(1) + avg_pool_3x3(0); 3: avg_pool_3x3(0) + avg_pool_3x3(1)"
    assert "Give the run folder, or the file genotype_best.json" in refused(
        "retrain", typed_argument("genotype", words)
    )
    two = f"{to_original_text(KNOWN['PDARTS'])} {to_original_text(KNOWN['DARTS_V1'])}"
    assert "found 2 genotypes, expected one" in refused("retrain", typed_argument("genotype", two))


def typed_argument(key: str, value: str) -> str:
    """One argument as a shell hands it over."""
    return shlex.split(typed(key, value))[0]


@pytest.mark.parametrize("words, status, told", [
    ([], 0, "python -m darts_pl.benchmark"),
    (["--help"], 0, "python -m darts_pl.search"),
    (["search", "epochs=3"], 2, "python -m darts_pl.search\n"),
    (["pipelne"], 2, "Did you mean 'pipeline'?"),
])  # fmt: skip
def test_the_package_itself_names_the_commands(words: list, status: int, told: str, capsys: pytest.CaptureFixture):
    assert package(words) == status
    assert told in "".join(capsys.readouterr())
