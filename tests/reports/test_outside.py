"""A page shows what lies in its folder: nothing of the reader's environment, and nothing that a link leads to."""

import os
from pathlib import Path

import pandas as pd
import pytest
from conftest import KNOWN, build_run, write_json, write_manifest, write_results
from pipeline_folder import build_pipeline_run

from darts_pl import genotype, report
from darts_pl.errors import GenotypeError
from darts_pl.reports.pipeline_files import read_pipeline
from darts_pl.reports.run_files import configured, read_run

SECRET = "hunter2-of-the-reader"
ENVIRONMENT = "hypergradient:\n  xi: 0.5\n  name: ${oc.env:SECRET_OF_THE_READER}\nguards: ${oc.decode:${oc.env:HOME}}\n"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A secret in the environment, and in a file that is a readable history, beside the folders."""
    monkeypatch.setenv("SECRET_OF_THE_READER", SECRET)
    place = tmp_path / "home"
    place.mkdir()
    pd.DataFrame({"epoch": range(3), "val_acc": [0.123454321] * 3}).to_csv(place / "history.csv", index=False)
    write_json(place / "results.json", {"rows": [{"name": SECRET, "test_acc": 0.5}], "published": []})
    return place


def bare(folder: Path, config: str = "epochs: 12\n", overrides: tuple[str, ...] = ("seed=0",)) -> Path:
    """A run with little to draw."""
    folder.mkdir(parents=True)
    write_manifest(folder, 0, "complete", list(overrides))
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    write_results(folder, 0.93)
    return folder


def page_of(folder: Path) -> str:
    assert report.main([str(folder)]) == 0
    return (folder / "report.html").read_text(encoding="utf-8")


def test_a_configuration_is_shown_as_it_is_written(secret: Path, tmp_path: Path) -> None:
    run = bare(tmp_path / "run", ENVIRONMENT)
    page = page_of(run)
    assert SECRET not in page and "${oc.env:SECRET_OF_THE_READER}" in page
    assert configured(read_run(run), "hypergradient.name") == "${oc.env:SECRET_OF_THE_READER}"
    assert configured(read_run(run), "hypergradient.xi") == 0.5
    assert configured(read_run(run), "hypergradient.xi.deeper") is configured(read_run(run), "nothing") is None


def test_a_comparison_is_of_what_is_written(secret: Path, tmp_path: Path) -> None:
    """A setting that one run overrides is looked up in the configurations of the others."""
    sweep = tmp_path / "sweep"
    bare(sweep / "0", overrides=("hypergradient.name=mine",))
    bare(sweep / "1", ENVIRONMENT)
    page, table = page_of(sweep), (sweep / "comparison.csv").read_text()
    assert SECRET not in page + table and "${oc.env:SECRET_OF_THE_READER}" in table


@pytest.mark.parametrize("name", ["history.csv", "results.json"])
def test_a_file_behind_a_link_is_named_and_not_read(name: str, secret: Path, tmp_path: Path) -> None:
    run = bare(tmp_path / "run")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(secret / name)
    found = read_run(run)
    assert found.history is None if name == "history.csv" else found.results == {}
    page = page_of(run)
    assert f"{name} (a link leads out of the folder)" in page and SECRET not in page
    assert (secret / name).is_file()


def test_a_folder_behind_a_link_is_named_and_not_read(secret: Path, tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    for child in (run / "retrain").iterdir():
        child.unlink()
    (run / "retrain").rmdir()
    (run / "retrain").symlink_to(secret, target_is_directory=True)
    found = read_run(run)
    assert found.retrain is None and "retrain/history.csv (a link leads out of the folder)" in found.damaged


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    (run / "history.csv").rename(run / "kept.csv")
    (run / "history.csv").symlink_to("kept.csv")
    found = read_run(run)
    assert len(found.history) == 12 and not found.damaged
    (tmp_path / "latest").symlink_to(run, target_is_directory=True)
    assert read_run(tmp_path / "latest").history is not None


def test_runs_behind_links_are_named_and_not_compared(secret: Path, sweep_folder: Path) -> None:
    other = build_run(secret / "run", overrides=(f"hypergradient={SECRET}",))
    (sweep_folder / "5").symlink_to(other, target_is_directory=True)
    page, table = page_of(sweep_folder), pd.read_csv(sweep_folder / "comparison.csv")
    assert "Not read, as they are links out of the folder: 5." in page and "failed before they began" not in page
    assert SECRET not in page + table.to_csv() and len(table) == 5


def test_a_pipeline_reads_nothing_behind_links(secret: Path, tmp_path: Path) -> None:
    run = build_pipeline_run(tmp_path / "sweep" / "0")
    (run / "candidates.csv").unlink()
    (run / "candidates.csv").symlink_to(secret / "history.csv")
    searched = next(child for child in (run / "search").iterdir() if child.is_dir())
    searched.rename(secret / "searched")
    searched.symlink_to(secret / "searched", target_is_directory=True)
    found = read_pipeline(run)
    assert found.candidates is None and searched.name not in found.gates
    assert {"candidates.csv", f"search/{searched.name}/alphas.npz"} <= {
        each.split(" (")[0] for each in found.run.damaged
    }
    (tmp_path / "sweep" / "1").symlink_to(secret, target_is_directory=True)
    assert "Not read, as they are links out of the folder: 1." in page_of(tmp_path / "sweep")


def test_a_folder_of_links_holds_no_run(secret: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    build_run(secret / "run")
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "0").symlink_to(secret / "run", target_is_directory=True)
    assert report.main([str(tmp_path / "sweep")]) == 2
    assert "links out of the folder: 0" in capsys.readouterr().err


def test_the_page_does_not_go_through_a_link(secret: Path, tmp_path: Path) -> None:
    run = bare(tmp_path / "run")
    (run / "report.html").symlink_to(secret / "page.html")
    page_of(run)
    assert not (secret / "page.html").exists() and not (run / "report.html").is_symlink()


def test_a_genotype_behind_a_link_is_read_by_its_own_name_only(secret: Path, tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    KNOWN["DARTS_V1"].save(secret / "found.json")
    (run / "genotype_best.json").unlink()
    (run / "genotype_best.json").symlink_to(os.path.relpath(secret / "found.json", run))
    with pytest.raises(GenotypeError, match="a link out of the folder"):
        genotype.read(run)
    assert genotype.read(run / "genotype_best.json") == KNOWN["DARTS_V1"]
