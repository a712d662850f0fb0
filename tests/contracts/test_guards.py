"""Guards: each kind of collapse, brought about in a real search, is warned of once, and a healthy one is not."""

import functools
import json
import logging
import math

import pytest
import torch
from small_search import ADAM, fit, search_module, small_space, small_supernet

from darts_pl.callbacks import CollapseGuards, SearchHistory
from darts_pl.callbacks.guards import Limits, largest_entropy
from darts_pl.relaxations import Gumbel, Softmax

PRIMITIVES = ("none", "skip_connect", "sep_conv_3x3")


def guarded(tmp_path, *, relaxation=None, alphas=None, rate=0.05, epochs=4, limits=None, **settings) -> list[dict]:
    """The warnings of a small search whose alphas begin as `alphas`, a row for every edge."""
    space = small_space(primitives=PRIMITIVES)
    supernet = small_supernet(relaxation or Softmax(), primitives=PRIMITIVES)
    if alphas is not None:
        with torch.no_grad():
            for alpha in supernet.alphas.values():
                alpha.copy_(torch.tensor(alphas).expand_as(alpha))
    history = SearchHistory(None, space.derive, list(PRIMITIVES), space.edges)
    guards = CollapseGuards(history, tmp_path, limits)
    module = search_module(supernet, epochs=epochs, alphas_optimizer=functools.partial(ADAM, lr=rate), **settings)
    fit(module, callbacks=[history, guards])
    assert json.loads((tmp_path / "guards.json").read_text()) == {"warnings": guards.warnings}
    return guards.warnings


def about(warnings: list[dict]) -> set[str]:
    return {warning["about"] for warning in warnings}


def test_skip_connections_that_dominate(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "darts_pl"):
        warnings = guarded(tmp_path, alphas=[0.0, 3.0, 0.0])
    assert about(warnings) == {"skips normal", "skips reduce"}
    assert warnings[0]["epoch"] == 1 and "2 of 2 edges of the normal cell" in warnings[0]["what"]
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2 and lines[0].startswith("epoch 1: 2 of 2 edges") and "rule=[" in lines[0]  # once, not daily


def test_gates_that_stay_flat(tmp_path):
    warnings = guarded(tmp_path, alphas=[0.0, 0.0, 0.01], rate=1e-3)
    assert {"entropy normal", "entropy reduce"} <= about(warnings)
    assert next(w for w in warnings if w["about"] == "entropy normal")["epoch"] == 3  # not in the first half


def test_alphas_that_do_not_move(tmp_path):
    warnings = guarded(tmp_path, alphas=[0.0, 0.0, 3.0], rate=1e-7)
    assert about(warnings) == {"movement"}
    assert "2 updates" in warnings[0]["what"]


def test_an_operation_that_is_never_sampled(tmp_path):
    warnings = guarded(tmp_path, relaxation=Gumbel(1.0, 1.0, hard=True), alphas=[-90.0, 0.0, 2.0], rate=1e-3)
    sampling = [warning for warning in warnings if warning["about"] == "sampling normal"]
    assert len(sampling) == 1 and "none on 2<-0" in sampling[0]["what"] and "sep_conv" not in sampling[0]["what"]


def test_a_healthy_search_is_left_in_peace(tmp_path):
    assert guarded(tmp_path, alphas=[0.0, 0.0, 2.0]) == []


def test_alphas_that_are_warmed_up_for_are_not_accused(tmp_path):
    warnings = guarded(tmp_path, alphas=[0.0, 0.0, 3.0], rate=1e-7, alpha_warmup_epochs=3)
    assert [warning["epoch"] for warning in warnings if warning["about"] == "movement"] == [4]


def test_flat_is_measured_by_the_candidates_that_are_left():
    kept = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    assert largest_entropy(kept) == pytest.approx((math.log(2) + math.log(3)) / 3)


def test_a_further_phase_is_watched_by_itself(tmp_path):
    guards = CollapseGuards(SearchHistory(None, None, [], []), None)
    row = {"epoch": 3, "alpha_movement": 0.0, "alpha_updates": 5}
    guards._check_movement(row), guards._check_movement(row)
    assert len(guards.warnings) == 1
    guards.begin_phase(continues=False)
    guards._check_movement({**row, "epoch": 6})
    assert [(w["phase"], w["epoch"]) for w in guards.warnings] == [(0, 3), (1, 6)]


def test_limits_can_be_set(tmp_path):
    assert guarded(tmp_path, alphas=[0.0, 3.0, 0.0], limits=Limits(skip_share=1.0)) == []


def test_what_was_seen_survives_a_checkpoint(tmp_path):
    guards = CollapseGuards(SearchHistory(None, None, [], []), None)
    guards.warnings, guards.sampled = [{"about": "movement", "phase": 0}], {"normal": torch.eye(3, dtype=torch.bool)}
    torch.save(guards.state_dict(), tmp_path / "state.pt")
    other = CollapseGuards(SearchHistory(None, None, [], []), None)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert other.warnings == guards.warnings and torch.equal(other.sampled["normal"], guards.sampled["normal"])
