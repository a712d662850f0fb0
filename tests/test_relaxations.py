"""Relaxations: gates are what their formulas say, removed candidates are left out, evaluation draws nothing."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from darts_pl.errors import ConfigError
from darts_pl.relaxations import Dirichlet, Gumbel, Relaxation, Sigmoid, Softmax, Uniform

ALPHA = torch.tensor([[0.0, 1.0, -1.0], [2.0, 2.0, 0.5]])
RELAXATIONS = {
    "softmax": Softmax,
    "gumbel": Gumbel,
    "gumbel_hard": lambda: Gumbel(hard=True),
    "dirichlet": lambda: Dirichlet(kl_weight=0.1),
    "sigmoid": Sigmoid,
    "sigmoid_l1": lambda: Sigmoid(form="l1"),
    "uniform": Uniform,
}
every_relaxation = pytest.mark.parametrize("make", RELAXATIONS.values(), ids=RELAXATIONS)


def concentration(alpha: np.ndarray) -> np.ndarray:
    return np.where(alpha > 0, alpha + 1, np.exp(alpha))  # elu + 1


EXPECTED = {
    Softmax: lambda a: special.softmax(a, axis=1),
    Gumbel: lambda a: special.softmax(a, axis=1),
    Dirichlet: lambda a: concentration(a) / concentration(a).sum(axis=1, keepdims=True),
    Sigmoid: special.expit,
    Uniform: lambda a: np.full_like(a, 1 / a.shape[1]),
}


@every_relaxation
@pytest.mark.parametrize("training", [True, False])
def test_gates_are_shares_or_each_for_itself(make, training):
    torch.manual_seed(0)
    relaxation = make().train(training)
    gates = relaxation(ALPHA)
    assert gates.shape == ALPHA.shape and gates.dtype == ALPHA.dtype
    assert ((gates >= 0) & (gates <= 1 + 1e-6)).all()
    sums_to_one = bool(((gates.sum(-1) - 1).abs() < 1e-6).all())
    assert sums_to_one is relaxation.simplex
    assert not training or one_hot(gates) is relaxation.one_hot


def one_hot(gates) -> bool:
    return bool(((gates - 1).abs() < 1e-6).sum(-1).eq(1).all() and (gates == 0).sum(-1).eq(gates.shape[1] - 1).all())


@every_relaxation
def test_expected_gates_are_the_formula(make):
    relaxation = make()
    alpha = 1.5 * torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = EXPECTED[type(relaxation)](alpha.numpy())
    np.testing.assert_allclose(relaxation.expected(alpha).numpy(), expected, rtol=1e-12)
    if not relaxation.eval().one_hot or isinstance(relaxation, Uniform):
        np.testing.assert_allclose(relaxation(alpha).numpy(), expected, rtol=1e-12)


@every_relaxation
def test_evaluation_draws_nothing(make):
    relaxation = make().eval()
    state = torch.get_rng_state()
    first = relaxation(ALPHA)
    assert torch.equal(first, relaxation(ALPHA)) and torch.equal(torch.get_rng_state(), state)


@every_relaxation
def test_the_same_seed_draws_the_same_gates(make):
    relaxation = make().train()
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(relaxation(torch.zeros(20, 5)))
    assert torch.equal(found[0], found[1])
    deterministic = isinstance(relaxation, Softmax | Sigmoid)
    assert torch.equal(found[0], found[2]) is deterministic


@every_relaxation
def test_removed_candidates_have_no_gate_and_disturb_nothing(make):
    """Everything that is left is as if they had never been there."""
    kept = torch.tensor([[True, True, False, True], [False, True, False, False]])
    alpha = torch.tensor([[0.3, -1.0, 5.0, 2.0], [9.0, -60.0, 0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    logits = alpha.masked_fill(~kept, -torch.inf)
    relaxation, total = make(), 0 * alpha[:, 1].sum()  # a way to alpha, where gates have none
    for training in (True, False):
        for seed in range(20):
            torch.manual_seed(seed)
            gates = relaxation.train(training)(logits)
            assert (gates[~kept] == 0).all() and torch.isfinite(gates).all()
            if relaxation.simplex:
                torch.testing.assert_close(gates.sum(-1), torch.ones(2, dtype=torch.float64))
            total = total + (gates * torch.randn_like(gates)).sum()
    expected = relaxation.expected(logits)
    for row in range(2):
        alone = relaxation.expected(alpha[row, kept[row]].unsqueeze(0))
        torch.testing.assert_close(expected[row, kept[row]], alone[0])
    penalty = relaxation.penalty(logits)
    total = total if penalty is None else total + penalty
    assert torch.isfinite(total)
    (grad,) = torch.autograd.grad(total, alpha)
    assert torch.isfinite(grad).all() and (grad[~kept] == 0).all()
    assert bool((grad[0, kept[0]] != 0).all()) is relaxation.trains_alphas


def test_softmax_does_not_change_with_an_offset_or_overflow():
    torch.testing.assert_close(Softmax()(ALPHA + 1000.0), Softmax()(ALPHA))


def test_a_relaxation_must_say_how():
    with pytest.raises(TypeError, match=r"abstract class Relaxation .*expected"):
        Relaxation()
    assert Softmax().penalty(ALPHA) is Gumbel().penalty(ALPHA) is None


class Halved(Relaxation):
    """The least that one of one's own defines."""

    def expected(self, alpha):
        return torch.sigmoid(alpha) / 2


@pytest.mark.parametrize("training", [True, False])
def test_without_draws_what_mixes_is_what_is_derived_from(training):
    relaxation = Halved().train(training)
    assert torch.equal(relaxation(ALPHA), relaxation.expected(ALPHA))


def test_uniform_draws_follow_no_alpha():
    """Of the candidates that are left each is as likely, whatever its logit."""
    torch.manual_seed(0)
    alpha = torch.tensor([[9.0, -9.0, -torch.inf, 0.0]], requires_grad=True).expand(3000, 4)
    gates = Uniform().train()(alpha)
    assert not gates.requires_grad and (gates[:, 2] == 0).all()
    counts = gates.sum(0)[[0, 1, 3]].numpy()
    assert counts.sum() == 3000 and stats.chisquare(counts).pvalue > 1e-3


def numpy_zero_one(gates: np.ndarray, form: str) -> float:
    distance = gates - 0.5
    return -np.mean(distance**2 if form == "l2" else np.abs(distance))


@pytest.mark.parametrize("form", ["l2", "l1"])
def test_the_zero_one_loss_is_the_papers(form):
    """And its gradient pushes each gate away from one half."""
    alpha = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    penalty = Sigmoid(zero_one_weight=7.0, form=form).penalty(alpha)
    expected = 7.0 * numpy_zero_one(special.expit(alpha.detach().numpy()), form)
    assert penalty.item() == pytest.approx(expected, rel=1e-12)
    (grad,) = torch.autograd.grad(penalty, alpha)
    assert torch.equal(grad.sign(), -alpha.detach().sign())
    masked = alpha.detach().masked_fill(alpha > 0.5, -torch.inf)
    kept = alpha.detach()[alpha <= 0.5].numpy()
    expected = 7.0 * numpy_zero_one(special.expit(kept), form)
    assert float(Sigmoid(7.0, form).penalty(masked)) == pytest.approx(expected, rel=1e-12)


def test_no_zero_one_loss_where_its_weight_is_zero():
    assert Sigmoid(zero_one_weight=0.0).penalty(ALPHA) is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Sigmoid(form="l3"), "relaxation.form='l3': expected one of l2, l1"),
        (lambda: Sigmoid(zero_one_weight=-1.0), "relaxation.zero_one_weight=-1.0: expected 0 or more"),
        (lambda: Dirichlet(kl_weight=float("nan")), "relaxation.kl_weight=nan: expected 0 or more"),
        (lambda: Gumbel(tau_start=0.0), "temperatures must be positive"),
        (lambda: Gumbel(tau_end=-1.0), "temperatures must be positive"),
    ],
)
def test_values_that_cannot_be_are_named(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
