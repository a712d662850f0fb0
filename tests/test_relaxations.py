"""Relaxations and mixing: gates are probabilities, samples follow the formula, temperatures anneal."""

import pytest
import torch
import torch.nn as nn
from scipy import stats

from darts_pl.errors import ConfigError, DartsError
from darts_pl.relaxations import Gumbel, Relaxation, Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import Choice

ALPHA = torch.tensor([[0.0, 1.0, -1.0], [2.0, 2.0, 0.5]])


@pytest.mark.parametrize("relaxation", [Softmax(), Gumbel(), Gumbel(hard=True)], ids=["softmax", "gumbel", "hard"])
@pytest.mark.parametrize("training", [True, False])
def test_gates_of_an_edge_sum_to_one(relaxation, training):
    gates = relaxation.train(training)(ALPHA)
    assert (gates >= 0).all()
    torch.testing.assert_close(gates.sum(-1), torch.ones(2))
    torch.testing.assert_close(relaxation.expected(ALPHA), ALPHA.exp() / ALPHA.exp().sum(-1, keepdim=True))
    assert relaxation.penalty(ALPHA) is None


def test_softmax_does_not_change_with_an_offset_or_overflow():
    torch.testing.assert_close(Softmax()(ALPHA + 1000.0), Softmax()(ALPHA))


def test_gumbel_samples_follow_the_probabilities():
    torch.manual_seed(0)
    relaxation = Gumbel(hard=True).train()
    counts = sum(relaxation(ALPHA[:1]).detach() for _ in range(3000)).flatten()
    expected = 3000 * torch.softmax(ALPHA[0], 0)
    assert stats.chisquare(counts.numpy(), expected.numpy(), sum_check=False).pvalue > 1e-3


def test_a_sample_is_the_formula_with_its_noise():
    relaxation = Gumbel(tau_start=2.0).train()
    torch.manual_seed(3)
    found = relaxation(ALPHA)
    torch.manual_seed(3)
    noise = -torch.empty_like(ALPHA).exponential_().log()
    torch.testing.assert_close(found, torch.softmax((ALPHA.log_softmax(-1) + noise) / 2.0, -1))


def test_hard_samples_are_one_hot_with_the_gradient_of_the_soft_ones():
    alpha = ALPHA.clone().requires_grad_()
    weights = torch.tensor([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    grads = []
    for hard in (True, False):
        torch.manual_seed(1)
        gates = Gumbel(tau_start=1.5, hard=hard).train()(alpha)
        grads.append(torch.autograd.grad((gates * weights).sum(), alpha)[0])
        if hard:
            assert ((gates - gates.round()).abs() < 1e-6).all() and (gates.round().sum(-1) == 1).all()
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("hard", [True, False])
def test_evaluation_draws_nothing(hard):
    relaxation = Gumbel(hard=hard).eval()
    state = torch.get_rng_state()
    first = relaxation(ALPHA)
    assert torch.equal(first, relaxation(ALPHA)) and torch.equal(torch.get_rng_state(), state)
    expected = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]) if hard else torch.softmax(ALPHA, -1)
    assert torch.equal(first, expected)


def test_the_temperature_goes_linearly_and_is_saved():
    relaxation = Gumbel(tau_start=10.0, tau_end=0.1)
    assert float(relaxation.tau) == 10.0
    found = []
    for progress in (0.0, 0.5, 1.0):
        relaxation.anneal(progress)
        found.append(float(relaxation.tau))
    assert found == pytest.approx([10.0, 5.05, 0.1])
    fresh = Gumbel()
    fresh.load_state_dict(relaxation.state_dict())
    assert float(fresh.tau) == pytest.approx(0.1)


def test_a_low_temperature_decides():
    torch.manual_seed(0)
    hot, cold = Gumbel(tau_start=10.0).train(), Gumbel(tau_start=0.1).train()
    alpha = torch.zeros(200, 8)
    assert hot(alpha).max(-1).values.mean() < 0.25 < 0.9 < cold(alpha).max(-1).values.mean()


@pytest.mark.parametrize("temperatures", [{"tau_start": 0.0}, {"tau_end": -1.0}])
def test_temperatures_must_be_positive(temperatures):
    with pytest.raises(ConfigError, match="temperatures must be positive"):
        Gumbel(**temperatures)


def test_a_relaxation_must_say_how():
    with pytest.raises(NotImplementedError, match="Relaxation must define forward"):
        Relaxation()(ALPHA)


def test_mixing_is_the_weighted_sum():
    torch.manual_seed(0)
    candidates = [nn.Identity(), nn.Linear(3, 3), nn.Tanh()]
    x, gate = torch.randn(4, 3), torch.tensor([0.5, 2.0, -1.0])
    expected = 0.5 * x + 2.0 * candidates[1](x) - torch.tanh(x)
    torch.testing.assert_close(full(x, candidates, gate), expected)
    torch.testing.assert_close(Choice(dict(zip("abc", candidates)), full)(x, gate), expected)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        full(x, candidates, gate[:2])


def test_a_choice_is_among_any_modules():
    """Not an image in sight: recurrent steps, chosen by name, their weights under the candidates' names."""
    choice = Choice({"gru": nn.GRUCell(3, 3), "relu": nn.ReLU()}, full)
    y = choice(torch.randn(5, 3), torch.tensor([0.3, 0.7]))
    assert y.shape == (5, 3) and "candidates.gru.weight_ih" in choice.state_dict()
    with pytest.raises(DartsError, match="at least one candidate"):
        Choice({}, full)
