"""The page of a search: every section, nothing from the network, unfinished and damaged runs, bad folders."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from darts_pl import report
from darts_pl.errors import RunError
from darts_pl.genotype import KNOWN
from darts_pl.reports import gate_sections, sections
from darts_pl.reports.curves import columns_of_rules, rule_curves
from darts_pl.reports.run_files import read_run
from darts_pl.reports.run_page import SECTIONS, run_page, write_report


class Reader(HTMLParser):
    """Collects headings, addresses that would be loaded, captions and table cells, and checks that tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.addresses: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in ("meta", "img", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data.strip())


def read_page(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


def test_a_complete_run_shows_every_section_with_its_numbers(full_page):
    assert full_page.name == "report.html"
    page = read_page(full_page)
    assert page.texts["h2"] == [title for title, _ in SECTIONS]
    assert "2025-01-02_digits" in page.texts["h1"][0]
    assert "complete" in page.texts["span"]
    for value in ("2025-01-02 03:04:05", "cpu", "1 h 10 min", "912 MiB", "2.13.0"):
        assert value in page.texts["dd"]
    for value in ("searched", "93.00 %", "51,234", "random architecture", "91.39 %", "0.305", "a larger rate"):
        assert value in page.texts["td"]
    assert "Best validation accuracy of the supernet: 90.00 %, after epoch 11." in page.texts["p"]
    assert any("hypergradient:" in text for text in page.texts["pre"])


@pytest.mark.parametrize(
    ("figures", "told", "cell"),
    [
        (
            {"stopped": "too many skips"},
            "The search was stopped: too many skips.",
            "the epoch that the search went back",
        ),
        ({"selection": {"val_acc": 0.4}}, "chosen after the search: val acc 0.4.", "the selected architecture"),
    ],
)
def test_a_genotype_that_is_not_the_best_epochs_is_not_called_so(figures, told, cell, full_page):
    run = read_run(full_page.parent)
    run.results = {**run.results, "search": {"val_acc_best": 0.9, "epoch_best": 11, **figures}}
    assert any(told in block.text for block in sections.result_blocks(run) if block.kind == "text")
    captions = [block.caption for block in sections.genotype_blocks(run)]
    assert any(cell in caption for caption in captions) and not any("best epoch" in caption for caption in captions)


def test_what_rules_recorded_is_drawn(full_page):
    """Columns of rules get a picture, gaps included; the usual columns do not count as such."""
    table = pd.read_csv(full_page.parent / "history.csv")
    assert columns_of_rules(table) == []
    table["lambda_max"] = [None if epoch % 2 else epoch / 10 for epoch in range(len(table))]
    assert columns_of_rules(table) == ["lambda_max"]
    assert len(rule_curves(table, ["lambda_max"]).axes) == 3


def test_the_page_loads_nothing_from_elsewhere(full_page):
    text = full_page.read_text(encoding="utf-8")
    page = Reader(text)
    assert all(address.startswith(("data:image/svg+xml;base64,", "#")) for address in page.addresses)
    assert not re.search(r"url\(|@import|<script|<link", text)


def test_every_picture_has_a_caption_and_both_genotypes_are_drawn(full_page):
    page = read_page(full_page)
    text = full_page.read_text(encoding="utf-8")
    pictures = re.findall('<div class="(?:wide" tabindex="0|panels" style="--columns: [23])"><img src="data:', text)
    of_tables = [text for text in page.texts["figcaption"] if text.startswith(("Test accuracy", "The most that"))]
    assert len(pictures) == len(page.texts["figcaption"]) - len(of_tables) == 4 + 6 + 5
    assert sum("of the last epoch" in text for text in page.texts["figcaption"]) == 2


def test_equal_genotypes_are_drawn_once(run_folder):
    KNOWN["DARTS_V2"].save(run_folder / "genotype_last.json")
    captions = [block.caption for block in sections.genotype_blocks(read_run(run_folder))]
    assert len(captions) == 2
    assert all("the best epoch, which is also the last" in text for text in captions)


def test_the_same_run_gives_the_same_page(run_folder, full_page):
    """But for the folder in the commands to copy."""
    page = write_report(run_folder).read_text(encoding="utf-8")
    assert page.replace(str(run_folder), str(full_page.parent)) == full_page.read_text(encoding="utf-8")


def test_an_unfinished_run_shows_what_is_there_and_names_what_is_missing(run_folder):
    manifest = json.loads((run_folder / "manifest.json").read_text())
    (run_folder / "manifest.json").write_text(json.dumps(manifest | {"status": "running"}))
    for name in (
        "results.json",
        "genotype_best.json",
        "genotype_last.json",
        "retrain/history.csv",
        "random/history.csv",
    ):
        (run_folder / name).unlink()
    history = pd.read_csv(run_folder / "history.csv").head(2)
    history.to_csv(run_folder / "history.csv", index=False)
    page = read_page(write_report(run_folder))
    notices = " ".join(page.texts["div"])
    assert "2 epochs are recorded" in notices
    assert "results.json" in notices and "genotype_best.json" in notices
    assert "Genotype" not in page.texts["h2"] and "Retraining" not in page.texts["h2"]
    assert "Training curves" in page.texts["h2"]
    assert any("after epoch 1." in text for text in page.texts["p"])


@pytest.mark.parametrize(
    "name, content",
    [
        ("history.csv", b""),
        ("history.csv", b"epoch,train_loss\n0,what\n"),
        ("alphas.npz", b""),
        ("alphas.npz", b"PK\x03\x04cut"),
        ("results.json", b'{"rows": ['),
        ("genotype_best.json", b'{"format": "other"}'),
        ("manifest.json", b"[1, 2]"),
    ],
)
def test_a_damaged_file_is_named_and_the_rest_is_read(run_folder, name, content):
    (run_folder / name).write_bytes(content)
    run = read_run(run_folder)
    assert [text.split()[0] for text in run.damaged] == [name]
    assert run.missing == []
    assert run.timing is not None and run.last is not None


def test_damage_is_told_on_the_page(bare_run):
    (bare_run / "history.csv").write_bytes(b"step,loss\n0,1\n")
    notices = read_page(write_report(bare_run)).texts["div"]
    assert any("history.csv (ValueError: no column 'epoch', found step, loss)" in text for text in notices)


def test_a_run_that_has_only_begun_gives_a_page(tmp_path):
    (tmp_path / "manifest.json").write_text('{"command": "search", "status": "running"}')
    (tmp_path / "history.csv").write_text("epoch,train_loss\n")
    notices = read_page(write_report(tmp_path)).texts["div"]
    assert any("0 epochs are recorded" in text for text in notices)


def test_gates_and_alphas_of_a_cell_stand_beside_each_other(run_folder):
    captions = [block.caption for block in gate_sections.alpha_blocks(read_run(run_folder)) if block.narrow]
    assert ["share" in text for text in captions] == [True, False] * 2
    assert ["logits" in text for text in captions] == [False, True] * 2


@pytest.mark.parametrize(
    "device, name",
    [("cpu (x86_64, 1 threads)", "process peak memory"), ("NVIDIA H200", "peak memory")],
)
def test_peak_memory_is_named_after_what_was_measured(run_folder, device, name):
    manifest = json.loads((run_folder / "manifest.json").read_text())
    (run_folder / "manifest.json").write_text(json.dumps(manifest | {"device": device}))
    (run_folder / "alphas.npz").unlink()  # whose pictures take seconds
    run = read_run(run_folder)
    stages, epochs = sections.timing_blocks(run)
    assert name in dict(run_page(run).facts)
    assert stages.columns[-1] == epochs.columns[-1] == f"{name}, MiB"
    assert ("the process" in stages.caption) == name.startswith("process")
    assert [row[0] for row in stages.rows] == ["search", "linear"]
    assert [row[-1] for row in stages.rows] == ["870", "–"]


@pytest.mark.parametrize(
    "recipe, missing",
    [
        ("{epochs: 0, random_architecture: true}", []),
        ("{epochs: 2, random_architecture: false}", ["retrain/history.csv"]),
        ("{epochs: 2, random_architecture: true}", ["retrain/history.csv", "random/history.csv"]),
    ],
)
def test_only_what_the_configuration_asks_for_is_missed(run_folder, recipe, missing):
    (run_folder / "config.yaml").write_text(f"retraining: {recipe}\n")
    for name in ("retrain/history.csv", "random/history.csv"):
        (run_folder / name).unlink()
    assert read_run(run_folder).missing == missing


def test_names_from_files_are_escaped(bare_run):
    text = write_report(bare_run).read_text(encoding="utf-8")
    assert "<script" not in text and "&lt;script&gt;" in text


def test_the_entry_point_prints_the_path_last(bare_run, tmp_path, capsys):
    target = tmp_path / "elsewhere" / "page.html"
    assert report.main([str(bare_run), "--output", str(target)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(target)
    assert read_page(target).texts["h2"][0] == "Results"
    assert not (bare_run / "report.html").exists()


def test_a_folder_that_does_not_exist_names_the_nearest(bare_run, capsys):
    assert report.main([str(bare_run.with_name("2025-01-02_digit"))]) == 2
    error = capsys.readouterr().err
    assert "no such folder" in error and "Did you mean '2025-01-02_digits'?" in error
    assert "Traceback" not in error


def test_a_folder_without_a_run_says_what_was_looked_for(tmp_path, capsys):
    (tmp_path / "notes").mkdir()
    assert report.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert all(name in error for name in ("manifest.json", "config.yaml", "history.csv", "notes"))


def test_a_file_is_not_a_run(bare_run, capsys):
    assert report.main([str(bare_run / "manifest.json")]) == 2
    assert "a file, expected a run folder" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_an_error_of_the_run(bare_run):
    with pytest.raises(RunError, match="a folder, expected the name"):
        write_report(bare_run, bare_run.parent)
    with pytest.raises(RunError, match="cannot be written"):
        write_report(bare_run, bare_run / "config.yaml" / "page.html")
