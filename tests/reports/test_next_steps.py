"""What a page says can be done next: commands that work when they are copied, and nothing that a stranger wrote."""

import re
import shlex
from html import unescape

import pytest
from conftest import write_json
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from odd_runs import nothing, sweep

from darts_pl import assembly, report
from darts_pl.paths import conf_dir
from darts_pl.reports.next_steps import command_blocks, resume_line
from darts_pl.reports.run_files import RunFiles, read_run
from darts_pl.reports.run_page import run_page, write_report
from darts_pl.reports.sweep_page import write_comparison


@pytest.fixture
def two_runs(tmp_path):
    """The smallest of sweeps."""
    return sweep(tmp_path / "sweep", ("0", {}, nothing), ("1", {}, nothing))


def lines_of(run: RunFiles) -> dict[str, str]:
    """The commands by the first word of what they are for."""
    return {block.purpose.split()[0]: block.text for block in command_blocks(run)}


def set_manifest(folder, **values):
    write_json(folder / "manifest.json", {"command": "search", "status": "complete", "overrides": [], **values})


def test_a_finished_search_is_loaded_trained_again_and_looked_at(run_folder):
    (run_folder / "tensorboard").mkdir()
    (run_folder / "retrain" / "model.safetensors").write_bytes(b"")
    found = lines_of(read_run(run_folder))
    assert list(found) == ["Load", "Train", "Watch", "Write"]
    assert found["Train"] == f"python -m darts_pl.retrain genotype={run_folder} seed=1"
    assert found["Watch"] == f"tensorboard --logdir {run_folder}"


def test_an_unfinished_run_is_gone_on_with(run_folder):
    set_manifest(run_folder, status="running")
    assert lines_of(read_run(run_folder))["Go"] == f"python -m darts_pl.search resume={run_folder}"


@pytest.mark.parametrize(
    "name", ["plain", "with blanks", "it's", 'quoted "a"', "a=b,c", "back\\slash", "$HOME;ls", "数"]
)
def test_folders_of_any_name_come_through_the_shell_and_hydra(name, tmp_path):
    *_, word = shlex.split(resume_line("search", tmp_path / name))
    override = OverridesParser.create().parse_override(word)
    assert (override.key_or_group, str(override.value())) == ("resume", str(tmp_path / name))


@pytest.mark.parametrize("given", [["+experiment=trec"], ["data.crop_padding=2", "hardware.threads=1", "epochs=3"]])
def test_the_retraining_gets_the_parts_of_the_search_and_composes(run_folder, given):
    set_manifest(run_folder, overrides=given)
    words = shlex.split(lines_of(read_run(run_folder))["Train"])[4:]
    assert words[:-1] == (["space=text", "data=trec", "retraining=text"] if "trec" in given[0] else given[:2])
    assembly.register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        assert compose("retrain", ["genotype=DARTS_V2", *words]).seed == 1


def test_what_a_stranger_wrote_is_no_command(run_folder):
    evil = [
        "data.target=os.system",
        "data._target_=os.system",
        "hydra.run.dir=/",
        "data.root=$(ls)",
        "imports=[x]",
        "x",
    ]
    set_manifest(run_folder, command="search; ls", status="running", overrides=evil)
    found = lines_of(read_run(run_folder))
    assert not {"Go", "Train"} & set(found) and "os.system" not in str(found)
    set_manifest(run_folder, overrides=[*evil, "+experiment=../../evil"])
    assert shlex.split(lines_of(read_run(run_folder))["Train"])[4:] == ["seed=1"]


def test_a_run_of_a_sweep_is_named_after_both(two_runs):
    assert run_page(read_run(two_runs / "1")).title == "Search: odd, run 1 of sweep"


@pytest.mark.parametrize("output", [None, "elsewhere/pages/all.html"])
def test_the_page_of_a_sweep_leads_to_its_runs(two_runs, tmp_path, output):
    write_report(two_runs / "0")
    page = write_comparison(two_runs, output and tmp_path / output)
    text = page.read_text(encoding="utf-8")
    (address,) = re.findall(r'<a href="(\.[^"]*)">0</a>', text)
    assert (page.parent / address).resolve() == (two_runs / "0" / "report.html").resolve()
    assert f"python -m darts_pl.report {two_runs}" in unescape(text)


def test_no_name_of_a_folder_leads_elsewhere(two_runs):
    odd = two_runs / 'javascript:alert(1)"><b>'
    (two_runs / "0").rename(odd)
    assert report.main([str(odd)]) == 0
    text = write_comparison(two_runs).read_text(encoding="utf-8")
    assert 'href="./javascript%3Aalert%281%29%22%3E%3Cb%3E/report.html"' in text and "<b>" not in text
