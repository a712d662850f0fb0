"""Dirichlet samples: pathwise gradients, distribution, penalty and extremes, each against scipy."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from darts_pl.relaxations import Dirichlet


def concentration(alpha: np.ndarray) -> np.ndarray:
    return np.where(alpha > 0, alpha + 1, np.exp(alpha))  # elu + 1


def slope(alpha: np.ndarray) -> np.ndarray:
    return np.where(alpha > 0, 1.0, np.exp(alpha))


def implicit_gradient(x: float, a: float, b: float) -> np.ndarray:
    """(dx/da, dx/db) of a Beta(a, b) draw at its fixed quantile F(x; a, b): −∂F/∂(a, b) / density."""
    h = 1e-5
    by_a = (special.betainc(a * (1 + h), b, x) - special.betainc(a * (1 - h), b, x)) / (2 * h * a)
    by_b = (special.betainc(a, b * (1 + h), x) - special.betainc(a, b * (1 - h), x)) / (2 * h * b)
    return -np.array([by_a, by_b]) / stats.beta.pdf(x, a, b)


@pytest.mark.parametrize("alpha", [[0.0, 0.0], [1.5, -0.7], [-1.2, 0.4], [4.0, 6.0]])
def test_the_gradient_of_a_sample_is_that_of_its_quantile(alpha):
    """With two candidates the gate is a Beta draw, whose derivative at a fixed quantile is unique."""
    logits = torch.tensor([alpha] * 50, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    gates = Dirichlet().train()(logits)
    (found,) = torch.autograd.grad(gates[:, 0].sum(), logits)
    a, b = concentration(np.array(alpha))
    expected = np.stack([implicit_gradient(x, a, b) for x in gates[:, 0].detach().numpy()]) * slope(np.array(alpha))
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-3, atol=1e-6)  # torch's series have 3 to 4 digits


def test_the_gradient_is_right_on_average():
    """d E[gate] / dα, E[gate] = β / Σβ, with a removed candidate; five standard errors."""
    alpha = np.array([0.5, -0.8, 1.2, -np.inf])
    leaf = torch.tensor([[0.5, -0.8, 1.2, 0.0]] * 20_000, dtype=torch.float64, requires_grad=True)
    logits = leaf.masked_fill(torch.tensor([False, False, False, True]), -torch.inf)
    torch.manual_seed(0)
    gates = Dirichlet().train()(logits)
    weights = np.array([1.0, -2.0, 0.5, 3.0])
    (found,) = torch.autograd.grad((gates * torch.tensor(weights)).sum(), leaf)
    beta = concentration(alpha[:3])
    mean = beta / beta.sum()
    expected = (weights[:3] - weights[:3] @ mean) / beta.sum() * slope(alpha[:3])
    error = found[:, :3].std(dim=0).numpy() / np.sqrt(len(found))
    assert (np.abs(found[:, :3].mean(dim=0).numpy() - expected) < 5 * error).all()
    assert (error < 0.1 * np.abs(expected)).all() and (found[:, 3] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_gate_is_a_beta_draw(dtype):
    """Of concentration against the sum of the others that are left."""
    alpha = torch.tensor([0.5, -2.0, -torch.inf, 1.0], dtype=dtype)
    torch.manual_seed(0)
    gates = Dirichlet().train()(alpha.expand(4000, 4))
    assert gates.dtype == dtype and (gates[:, 2] == 0).all()
    beta = concentration(alpha.double().numpy())
    for k in (0, 1, 3):
        assert stats.kstest(gates[:, k].numpy(), stats.beta(beta[k], beta.sum() - beta[k]).cdf).pvalue > 1e-3


def divergence(beta: np.ndarray) -> float:
    """KL(Dir(β) ‖ Dir(1)) = ∫ p log p + log of the simplex's volume: −entropy − log Γ(K)."""
    return -stats.dirichlet.entropy(beta) - special.gammaln(len(beta))


def test_the_penalty_is_the_divergence_from_uniform():
    alpha = np.random.default_rng(0).normal(size=(5, 4))
    alpha[1, 2] = alpha[3, 0] = alpha[3, 1] = -np.inf
    expected = 0.3 * sum(divergence(concentration(row[np.isfinite(row)])) for row in alpha)
    logits = torch.tensor(alpha, requires_grad=True)
    penalty = Dirichlet(kl_weight=0.3).penalty(logits)
    assert penalty.item() == pytest.approx(expected, rel=1e-10) and expected > 0.1
    assert torch.isfinite(torch.autograd.grad(penalty, logits)[0]).all()
    assert Dirichlet().penalty(logits) is None


def test_the_penalty_is_least_at_the_anchor():
    leaf = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    penalty = Dirichlet(kl_weight=1.0).penalty(leaf)
    assert penalty.item() == pytest.approx(0.0, abs=1e-12)
    assert torch.autograd.grad(penalty, leaf)[0].abs().max() < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("low", [-5.0, -50.0, -1e4])
def test_nothing_breaks_where_concentrations_vanish(dtype, low):
    """elu + 1 rounds to 0 there; samples underflow."""
    alpha = torch.full((500, 4), low, dtype=dtype)
    alpha[::2, 0] = 3.0
    alpha[1::4, 3] = -torch.inf
    alpha.requires_grad_()
    torch.manual_seed(0)
    relaxation = Dirichlet(kl_weight=1e-3).train()
    gates = relaxation(alpha)
    assert torch.isfinite(gates).all() and torch.isfinite(relaxation.expected(alpha)).all()
    torch.testing.assert_close(gates.sum(-1).float(), torch.ones(500), rtol=0, atol=2e-2)
    loss = (gates * torch.randn(4)).sum() + relaxation.penalty(alpha)
    assert torch.isfinite(torch.autograd.grad(loss, alpha)[0]).all()


def test_a_sample_survives_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gates = Dirichlet().train()(torch.zeros(3, 5))
    assert gates.dtype == torch.float32
