"""A search whose rules change the weights' gradients, stopped in the midst of their sums: the same result."""

from pathlib import Path

import pytest
from tiny_runs import KeepEveryPoint, assert_same_run, load_final, tiny_search

from darts_pl.hypergradient import first
from darts_pl.rules import LayerAlignment, OperationEarlyStopping


def test_windows_frozen_operations_and_alignment_go_on(tmp_path: Path) -> None:
    rules = [OperationEarlyStopping(threshold=0.2, window=4), LayerAlignment(kind="reduce", weight=0.5)]
    whole = tmp_path / "whole"
    with pytest.MonkeyPatch.context() as patch:
        kept = KeepEveryPoint(whole, tmp_path / "points", patch)
        tiny_search(whole, first, rules=rules)
    state = load_final(whole)["rules"][0]
    assert state["frozen"] and len(state["frozen"]) < 3 * 2 + 4  # some, not all: the cosines decide
    for point in (kept.folders[1], kept.folders[5]):  # before the first windows close, after some operations froze
        tiny_search(point, first, rules=rules)
        assert_same_run(point, whole)
