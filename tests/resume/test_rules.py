"""Searches with rules: stopped anywhere, resumed, the same result; and a search that a rule ended stays ended."""

from pathlib import Path

import pytest
from test_every_point import STEPS_AN_EPOCH, check_every_point
from tiny_runs import KeepEveryPoint, assert_same_run, load_final, tiny_search

from darts_pl.genotype import from_json
from darts_pl.hypergradient import first
from darts_pl.rules import (
    AuxiliarySkip,
    BetaDecay,
    DropPath,
    EigenvalueStop,
    RankingStop,
    SDARTSAdversarial,
    SkipStop,
)


def test_a_search_with_every_rule(tmp_path: Path) -> None:
    rules = [
        SDARTSAdversarial(steps=2),
        BetaDecay(),
        AuxiliarySkip(decay="cosine"),
        DropPath(0.5),
        EigenvalueStop(every=1, window=1, delta=1, not_before=1, factor=1e9),
        SkipStop(limit=9, kind=None, not_before=0),
        RankingStop(epochs=9, learnable=False),
    ]
    run = lambda folder: tiny_search(folder, first, rules=rules)  # noqa: E731
    check_every_point(run, tmp_path, steps=[1, 2, 3, 3, 4, 5, 6, 6])
    states = load_final(tmp_path / "whole")["rules"]
    assert [len(state) for state in states] == [0, 0, 0, 0, 2, 1, 2]
    assert states[4]["epochs"] == [1, 2] and all(value > 0 for value in states[4]["values"])


EARLY = (EigenvalueStop(every=1, window=1, delta=1, not_before=1, factor=1e-9),)


def test_a_search_that_a_rule_ends(tmp_path: Path) -> None:
    """It ends after the second of four epochs with the genotype of the first, wherever it was interrupted."""
    whole = tmp_path / "whole"
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(whole, tmp_path / "points", patch)
        tiny_search(whole, first, rules=EARLY, epochs=4)
    assert len(kept.folders) == 8
    for point in kept.folders[3:]:  # between the epochs, in the last one, and before and after its validation
        tiny_search(point, first, rules=EARLY, epochs=4)
        assert_same_run(point, whole)
    best = (whole / "genotype_best.json").read_text()
    assert from_json(best) == from_json((whole / "genotypes" / "epoch_001.json").read_text())
    assert load_final(whole)["verdict"][0] == 1
    assert (whole / "history.csv").read_text().count("\n") == 1 + 2


def test_a_search_that_was_ended_is_not_trained_again(tmp_path: Path) -> None:
    """Killed after the last step and before the stage was marked complete."""
    genotype = tiny_search(tmp_path, first, rules=EARLY, epochs=4)
    before = load_final(tmp_path)
    (tmp_path / "manifest.json").unlink()
    assert tiny_search(tmp_path, first, rules=EARLY, epochs=4) == genotype
    after = load_final(tmp_path)
    assert after["steps_done"] == before["steps_done"] == 2 * STEPS_AN_EPOCH
    assert after["verdict"] == before["verdict"]
    assert (tmp_path / "history.csv").read_text().count("\n") == 1 + 2
