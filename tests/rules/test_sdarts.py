"""SDARTS: gates stay gates, the radius is kept, the ascent finds a maximiser that is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from darts_pl.errors import ConfigError
from darts_pl.relaxations import Gumbel, Sigmoid, Softmax
from darts_pl.rules import Combination, SDARTSAdversarial, SDARTSRandom
from darts_pl.rules.sdarts import project

NONE_LEFT_OUT = {"a": torch.ones(3, 2, dtype=torch.bool)}


def some_gates(edges: int = 200, candidates: int = 5) -> torch.Tensor:
    return torch.randn(edges, candidates, dtype=torch.float64).mul(2).softmax(dim=1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def random_smoothing(epsilon: float) -> SDARTSRandom:
    rule = SDARTSRandom(start=epsilon, end=epsilon)
    rule.schedule(None, 0.5)
    return rule


def test_random_smoothing_is_the_definition_written_out():
    gates = some_gates()
    state = torch.get_rng_state()
    found = random_smoothing(0.3).perturb({"a": gates}, {"a": torch.ones_like(gates, dtype=torch.bool)}, None)["a"]
    torch.set_rng_state(state)
    delta = torch.empty_like(gates).uniform_(-0.3, 0.3).numpy()
    assert -0.3 <= delta.min() < -0.29 and 0.29 < delta.max() <= 0.3
    clipped = np.clip(gates.numpy() + delta, 0.0, 1.0)
    assert (clipped == 0).any()
    np.testing.assert_allclose(found.numpy(), clipped / clipped.sum(axis=1, keepdims=True), rtol=0, atol=1e-15)


def test_candidates_that_are_not_left_stay_at_zero():
    kept = torch.rand(200, 5) < 0.5
    kept[:, 0] |= ~kept.any(dim=1)
    gates = torch.randn(200, 5, dtype=torch.float64).masked_fill(~kept, -torch.inf).softmax(dim=1)
    loss = lambda at: (at["a"] * torch.linspace(-1, 1, 5)).sum()  # noqa: E731
    for rule in (random_smoothing(1.0), SDARTSAdversarial(1.0, 1.0)):
        found = rule.perturb({"a": gates}, {"a": kept}, loss)["a"]
        assert not found[~kept].any() and (found >= 0).all()
        torch.testing.assert_close(found.sum(dim=1), torch.ones(200, dtype=torch.float64))
        alone = kept.sum(dim=1) == 1
        assert alone.any() and torch.equal(found[alone], gates[alone])


def test_a_row_of_which_nothing_is_left_keeps_its_gates():
    gate = torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    moved = torch.tensor([[-0.2, -0.1], [0.6, 0.2]])
    expected = torch.tensor([[0.5, 0.5], [0.75, 0.25]])
    torch.testing.assert_close(project(moved, gate, torch.ones(2, 2, dtype=torch.bool)), expected)


def test_the_ascent_reaches_the_corner_of_a_linear_loss():
    """For two candidates and loss −⟨c, p⟩ the worst gates within ε are p ∓ ε, which already sum to one."""
    gates = {"a": torch.tensor([[0.5, 0.5], [0.4, 0.6], [0.7, 0.3]], dtype=torch.float64)}
    signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    found = SDARTSAdversarial(0.2, 0.2).perturb(gates, NONE_LEFT_OUT, lambda at: -(signs * at["a"]).sum())["a"]
    torch.testing.assert_close(found, gates["a"] - 0.2 * signs, rtol=0, atol=1e-12)


def test_the_ascent_finds_a_maximiser_inside():
    """A concave loss with its maximum within ε: steps of s = 2ε/n of a sign end within s of it."""
    gates = {"a": torch.tensor([[0.5, 0.5], [0.4, 0.6], [0.7, 0.3]], dtype=torch.float64)}
    best = gates["a"] + torch.tensor([[0.1, -0.1], [-0.05, 0.05], [0.02, -0.02]], dtype=torch.float64)
    rule = SDARTSAdversarial(0.2, 0.2, steps=50)
    found = rule.perturb(gates, NONE_LEFT_OUT, lambda at: -((at["a"] - best) ** 2).sum())["a"]
    assert (found - best).abs().max() <= 2 * 0.2 / 50 + 1e-12


def test_the_ascent_is_taken_back_where_it_raises_nothing():
    gates = {"a": torch.tensor([[0.5, 0.5], [0.4, 0.6], [0.7, 0.3]])}
    calls = []

    def loss(at):
        calls.append(torch.is_grad_enabled())
        return -((at["a"] - gates["a"]) ** 2).sum()

    assert SDARTSAdversarial(0.2, 0.2, steps=7).perturb(gates, NONE_LEFT_OUT, loss) is gates
    assert calls == [False, *[True] * 7, False]


def test_a_kind_that_the_loss_does_not_see_is_tolerated():
    gates = {"a": torch.full((3, 2), 0.5), "unused": torch.full((3, 2), 0.5)}
    kept = dict.fromkeys(gates, NONE_LEFT_OUT["a"])
    found = SDARTSAdversarial(0.1, 0.1).perturb(gates, kept, lambda at: at["a"][:, 0].sum() - at["a"][:, 1].sum())
    torch.testing.assert_close(found["a"][:, 0], torch.full((3,), 0.6))
    torch.testing.assert_close(found["unused"].sum(dim=1), torch.ones(3))


@pytest.mark.parametrize("rule", [SDARTSRandom(), SDARTSAdversarial()])
def test_the_radius_grows_linearly(rule):
    radii = []
    for progress in (0.0, 0.5, 1.0):
        rule.schedule(None, progress)
        radii.append(rule.figures()["perturbation_radius"])
    assert radii == pytest.approx([0.03, 0.165, 0.3], abs=1e-15)


@pytest.mark.parametrize(
    ("relaxation", "mixing", "second_order", "words"),
    [
        (SimpleNamespace(one_hot=True), None, False, "one-hot"),
        (Softmax(), SimpleNamespace(needs_one_hot=True), False, "one-hot"),
        (Sigmoid(), None, False, "sum of one"),
        (Softmax(), None, True, "hypergradient=first"),
    ],
)
@pytest.mark.parametrize("rule", [SDARTSRandom(), SDARTSAdversarial()])
def test_combinations_without_sense_are_refused(rule, relaxation, mixing, second_order, words):
    with pytest.raises(ConfigError, match=words):
        rule.check(Combination(relaxation, mixing, second_order))


def test_sensible_combinations_are_not():
    for relaxation in (Softmax(), Gumbel()):
        SDARTSRandom().check(Combination(relaxation, None, False))


@pytest.mark.parametrize("settings", [{"start": -0.1}, {"end": 1.1}, {"steps": 0}])
def test_bad_settings_are_named(settings):
    with pytest.raises(ConfigError, match=rf"rules\.sdarts_adv\.{next(iter(settings))}="):
        SDARTSAdversarial(**settings)
