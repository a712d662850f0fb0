"""Gumbel-softmax samples: the formula, its distribution, the straight-through gradient, the temperature."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from darts_pl.relaxations import Gumbel
from darts_pl.relaxations.gumbel import gumbel_noise
from darts_pl.relaxations.mixing import SinglePath, full

ALPHA = torch.tensor([[0.0, 1.0, -1.0], [2.0, 2.0, 0.5]])


def test_hard_samples_follow_the_probabilities():
    torch.manual_seed(0)
    counts = Gumbel(hard=True).train()(ALPHA[:1].expand(3000, 3)).round().sum(0)
    expected = 3000 * torch.softmax(ALPHA[0], 0)
    assert stats.chisquare(counts.numpy(), expected.numpy(), sum_check=False).pvalue > 1e-3


def test_a_sample_is_the_formula_with_its_noise():
    relaxation = Gumbel(tau_start=2.0).train()
    torch.manual_seed(3)
    found = relaxation(ALPHA)
    torch.manual_seed(3)
    noise = -torch.empty_like(ALPHA).exponential_().log()
    torch.testing.assert_close(found, torch.softmax((ALPHA.log_softmax(-1) + noise) / 2.0, -1))


def test_noise_is_gumbel_and_finite(monkeypatch):
    torch.manual_seed(0)
    noise = gumbel_noise(torch.zeros(5000, dtype=torch.float64))
    assert stats.kstest(noise.numpy(), "gumbel_r").pvalue > 1e-3
    monkeypatch.setattr(torch.Tensor, "exponential_", torch.Tensor.zero_)  # as float32 draws may underflow
    assert torch.isfinite(gumbel_noise(torch.zeros(3))).all()
    assert torch.isfinite(Gumbel(tau_start=0.1, hard=True).train()(ALPHA)).all()


def test_hard_samples_have_the_gradient_of_the_soft_ones():
    alpha = ALPHA.clone().requires_grad_()
    weights = torch.tensor([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    grads = []
    for hard in (True, False):
        torch.manual_seed(1)
        gates = Gumbel(tau_start=1.5, hard=hard).train()(alpha)
        grads.append(torch.autograd.grad((gates * weights).sum(), alpha)[0])
    torch.testing.assert_close(*grads)


def test_hard_evaluation_takes_the_likeliest():
    expected = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert torch.equal(Gumbel(hard=True).eval()(ALPHA), expected)
    torch.testing.assert_close(Gumbel(hard=True).expected(ALPHA), torch.softmax(ALPHA, -1))


@pytest.mark.parametrize(
    "mixing", [SinglePath(), SinglePath(constant=False), full], ids=["single_path", "without_constant", "full"]
)
@pytest.mark.parametrize("seed", range(4))
def test_the_straight_through_gradient_is_the_formula_written_out(mixing, seed):
    """One edge, y = h_k o_k(x) + Σ_{j≠k} h_j (GDAS), h_k o_k(x) (its later form) or Σ_j h_j o_j(x), loss Σ c y, in
    float64 by hand: dL/dα = J_softmax(s) · dL/dh / τ, as Σ_j of it is 0 and log softmax(α) hands it on unchanged."""
    tau, x, c = 0.7, np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.3, -0.8])
    alpha = np.array([0.2, -0.5, 1.0])
    candidates = [lambda x: 2 * x, lambda x: x**2, lambda x: torch.cos(x)]
    outputs = np.stack([2 * x, x**2, np.cos(x)])

    torch.manual_seed(seed)
    noise = -np.log(torch.empty(1, 3, dtype=torch.float64).exponential_().numpy()[0])
    soft = special.softmax((special.log_softmax(alpha) + noise) / tau)
    drawn = int(soft.argmax())
    by_gate = (c * outputs).sum(axis=1)
    if mixing is not full:
        by_gate = np.where(np.arange(3) == drawn, by_gate, c.sum() * mixing.constant)
    expected = soft * (by_gate - soft @ by_gate) / tau

    logits = torch.tensor(alpha[None], requires_grad=True)
    torch.manual_seed(seed)
    gates = Gumbel(tau_start=tau, hard=True).double().train()(logits)
    y = mixing(torch.tensor(x), candidates, gates[0])
    (found,) = torch.autograd.grad((torch.tensor(c) * y).sum(), logits)
    np.testing.assert_allclose(y.detach().numpy(), outputs[drawn], rtol=1e-12)
    np.testing.assert_allclose(found.numpy()[0], expected, rtol=1e-6)  # τ is a float32 buffer made double


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
