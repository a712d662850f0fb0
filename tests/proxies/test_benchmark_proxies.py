"""The benchmark of proxies: its draw, its settings, its correlations, going on after an interruption."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from darts_pl.errors import ConfigError, RunError
from darts_pl.reports.proxies_page import proxies_markdown, write_proxies
from darts_pl.stages.benchmark import proxies as stage
from darts_pl.stages.benchmark.proxies import Setup, draw_cells, score_cell, score_cells
from darts_pl.stages.benchmark.proxy_ranks import ranking
from darts_pl.stages.benchmark.proxy_settings import parse_proxies, setup_json
from darts_pl.stages.benchmark.settings import FILE

TINY = Setup(cells=3, channels=4, layers=1, batch=4, shrink=4, proxies=("naswot", "snip", "zen", "params"))


def tiny_batches() -> list:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 3, 8, 8, generator=generator)
    return [(x[0], torch.arange(4)), (x[1], torch.arange(4))]


def records_of(scores: dict[str, np.ndarray]) -> list[dict]:
    def row(i: int) -> dict:
        return {name: {"mean": float(v[i]), "std": math.nan, "error": "", "seconds": 0.5} for name, v in scores.items()}

    return [{"cell": f"{i:06d}", "scores": row(i)} for i in range(len(next(iter(scores.values()))))]


def test_cells_are_drawn_once_each_and_go_on() -> None:
    drawn = draw_cells(500, 0)
    assert len(set(drawn)) == 500 and all(len(d) == 6 and set(d) <= set("01234") for d in drawn)
    assert draw_cells(20, 0) == drawn[:20] and draw_cells(20, 1) != drawn[:20]
    assert len(set(draw_cells(15625, 3))) == 15625


def test_a_cell_scores_the_same_whatever_was_scored_before() -> None:
    first = score_cell("333333", TINY, tiny_batches())
    score_cell("121212", TINY, tiny_batches())
    again = score_cell("333333", TINY, tiny_batches())
    for name in TINY.proxies:
        assert first["scores"][name]["mean"] == again["scores"][name]["mean"] and not first["scores"][name]["error"]


def test_scored_cells_are_not_scored_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for digits in draw_cells(3, 0):
        path = tmp_path / "cells" / f"{digits}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"cell": digits, "scores": {}}))
    monkeypatch.setattr(stage, "image_batches", lambda setup: pytest.fail("scored again"))
    assert [record["cell"] for record in score_cells(tmp_path, TINY, count=1)] == draw_cells(3, 0)


@pytest.mark.slow
def test_workers_score_as_one_process_does(tmp_path: Path, real_data: None, quick_workers: None) -> None:
    records = score_cells(tmp_path, TINY, count=2)
    batches = stage.image_batches(TINY)
    for record in records:
        alone = score_cell(record["cell"], TINY, batches)["scores"]
        assert {n: each["mean"] for n, each in record["scores"].items()} == {n: e["mean"] for n, e in alone.items()}


def test_correlations_agree_with_scipy_and_find_what_beats_params() -> None:
    rng = np.random.default_rng(0)
    accuracy = rng.normal(size=120)
    scores = {
        "naswot": np.exp(accuracy + 0.1 * rng.normal(size=120)),
        "params": np.round(accuracy + rng.normal(size=120)),  # has ties
        "snip": rng.normal(size=120),
        "fisher": -accuracy,
        "zen": np.where(np.arange(120) < 10, np.nan, accuracy),
    }
    records = records_of(scores)
    table = pd.DataFrame({"cell": [r["cell"] for r in records], "test_acc": accuracy, **scores})
    found = ranking(records, table, seed=0).set_index("proxy")
    for name in ("naswot", "params", "snip", "fisher"):
        assert found.loc[name, "spearman"] == pytest.approx(spearmanr(scores[name], accuracy).statistic)
    worst = np.where(np.isnan(scores["zen"]), -1e9, scores["zen"])
    assert found.loc["zen", "spearman"] == pytest.approx(spearmanr(worst, accuracy).statistic)
    assert found.loc["zen", "failed"] == 10 and found.loc["naswot", "failed"] == 0
    assert found["beats_params"].to_dict() == {
        "naswot": "yes",
        "zen": found.loc["zen", "beats_params"],
        "params": "",
        "snip": "no",
        "fisher": "no",
    }
    assert (found["low"] <= found["spearman"]).all() and (found["spearman"] <= found["high"]).all()
    fisher_z = 1.96 / math.sqrt(117)  # of a correlation near 0
    assert (found.loc["snip", "high"] - found.loc["snip", "low"]) / 2 == pytest.approx(fisher_z, rel=0.2)


def test_tables_and_picture_are_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ("naswot", "synflow", "jacob_cov", "zico", "swap", "params")
    scores = {name: rng.normal(size=20) for name in names}
    records = records_of(scores)
    table = pd.DataFrame({"cell": range(20), "test_acc": rng.normal(size=20), **scores})
    ranks = ranking(records, table, seed=0)
    assert "combined: aggregate" in set(ranks["proxy"]) and "combined: equal" not in set(ranks["proxy"])
    text = write_proxies(tmp_path, table, ranks, "facts")
    assert text == proxies_markdown(ranks, "facts") and "Do not beat `params`:" in text
    assert {p.name for p in tmp_path.iterdir()} == {"scores.csv", "summary.csv", "summary.md", "correlations.png"}
    assert len(pd.read_csv(tmp_path / "summary.csv")) == 7


def test_settings() -> None:
    setup, jobs, folder = parse_proxies(["cells=40", "layers=2", "proxies=naswot,params", "jobs=2"])
    assert (setup, jobs, folder) == (Setup(cells=40, layers=2, proxies=("naswot", "params")), 2, None)


def test_resuming_asks_for_the_same(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(setup_json(TINY))
    assert parse_proxies([f"resume={tmp_path}", "jobs=2"]) == (TINY, 2, tmp_path)
    with pytest.raises(ConfigError, match="leave cells=4 out"):
        parse_proxies([f"resume={tmp_path}", "cells=4"])
    with pytest.raises(RunError, match="found no benchmark"):
        parse_proxies([f"resume={tmp_path / 'other'}"])
    (tmp_path / FILE).write_text('{"methods": []}')
    with pytest.raises(RunError, match="search methods"):
        parse_proxies([f"resume={tmp_path}"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cell=3", "Did you mean 'cells'"),
        ("cells=2", "at least 3"),
        ("cells=x", "whole number"),
        ("proxies=naswt", "Did you mean 'naswot'"),
        ("shrink=3", "does not divide"),
        ("cells", "expected key=value"),
    ],
)
def test_settings_that_cannot_be(given: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_proxies([given])
