"""Hypergradients against an independent computation: autograd through the virtual step, and the paper's toy problem."""

import pytest
import torch
import torch.nn as nn
from torch.func import functional_call

from darts_pl.errors import ConfigError
from darts_pl.hypergradient import Bilevel, VirtualStep, exact, finite_difference, first


class SmoothNet(nn.Module):
    """Two mixed layers without kinks, with BatchNorm buffers: small enough for float64 autograd."""

    def __init__(self):
        super().__init__()
        self.inner = nn.ModuleList(nn.Linear(5, 6) for _ in range(3))
        self.norm = nn.BatchNorm1d(6)
        self.outer = nn.Linear(6, 3)

    def forward(self, x, alphas):
        gate = torch.softmax(alphas, -1)
        hidden = sum(g * torch.tanh(layer(x)) for g, layer in zip(gate, self.inner))
        return self.outer(torch.nn.functional.gelu(self.norm(hidden)))


@pytest.fixture
def smooth():
    torch.manual_seed(0)
    net = SmoothNet().double()
    alphas = torch.randn(3, dtype=torch.float64, requires_grad=True)
    batches = [(torch.randn(16, 5, dtype=torch.float64), torch.randint(3, (16,))) for _ in range(2)]
    velocities = [torch.randn_like(p) for p in net.parameters()]
    velocities[1] = None  # a parameter that has not moved yet has no velocity
    return net, alphas, batches, VirtualStep(0.3, momentum=0.9, weight_decay=0.01, velocities=velocities)


def problem_of(net, alphas, batches, step):
    def loss(batch):
        return lambda: nn.functional.cross_entropy(net(batch[0], alphas), batch[1])

    return Bilevel(*map(loss, batches), list(net.parameters()), [alphas], list(net.buffers()), step)


def through_the_step(net, alphas, batches, step):
    """dL_val(w'(α), α)/dα by plain reverse-mode autograd, w' kept as a function of α."""
    weights = {name: p.detach().clone().requires_grad_() for name, p in net.named_parameters()}
    buffers = {name: b.clone() for name, b in net.named_buffers()}

    def loss(params, batch):
        state = {**params, **{k: v.clone() for k, v in buffers.items()}}
        return nn.functional.cross_entropy(functional_call(net, state, (batch[0], alphas)), batch[1])

    grads = torch.autograd.grad(loss(weights, batches[0]), list(weights.values()), create_graph=True)
    moved = {}
    for (name, w), g, v in zip(weights.items(), grads, step.velocities):
        v = torch.zeros_like(w) if v is None else v
        moved[name] = w - step.learning_rate * (g + step.weight_decay * w + step.momentum * v)
    return torch.autograd.grad(loss(moved, batches[1]), alphas)[0]


def test_exact_equals_autograd_through_the_virtual_step(smooth):
    (ours,) = exact(problem_of(*smooth))
    assert torch.allclose(ours, through_the_step(*smooth), rtol=0, atol=1e-10)


def test_finite_difference_tends_to_exact(smooth):
    truth = through_the_step(*smooth)
    errors = []
    for epsilon in (1e-1, 1e-2, 1e-3):
        (ours,) = finite_difference(problem_of(*smooth), epsilon=epsilon)
        errors.append(float((ours - truth).norm()))
    assert errors[1] < errors[0] / 20 and errors[2] < errors[1] / 20  # second order in epsilon
    assert errors[2] < 1e-7


def test_the_second_order_term_matters_here(smooth):
    (first_order,) = first(problem_of(*smooth))
    assert (first_order - through_the_step(*smooth)).norm() > 1e-3


@pytest.mark.parametrize("method", [first, finite_difference, exact])
def test_weights_and_buffers_come_back_bit_for_bit(smooth, method):
    net, alphas, *_ = smooth
    before = {k: v.clone() for k, v in net.state_dict().items()} | {"alphas": alphas.detach().clone()}
    method(problem_of(*smooth))
    after = dict(net.state_dict()) | {"alphas": alphas.detach()}
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert all(p.grad is None for p in net.parameters()) and alphas.grad is None


@pytest.mark.parametrize("method", [finite_difference, exact])
def test_weights_come_back_also_when_a_loss_raises(smooth, method):
    problem = problem_of(*smooth)
    before = [w.detach().clone() for w in problem.weights]
    broken = Bilevel(problem.train_loss, lambda: 1 / 0, problem.weights, problem.alphas, problem.buffers, problem.step)
    with pytest.raises(ZeroDivisionError):
        method(broken)
    assert all(torch.equal(a, b) for a, b in zip(before, problem.weights))


def descend_toy(method, xi, steps=1500):
    """The paper's figure 2: L_train = w² − 2αw + α², L_val = αw − 2α + 1, from (α, w) = (2, −2)."""
    alpha = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    w = torch.tensor(-2.0, dtype=torch.float64, requires_grad=True)

    def train():
        return w**2 - 2 * alpha * w + alpha**2

    def valid():
        return alpha * w - 2 * alpha + 1

    problem = Bilevel(train, valid, [w], [alpha], step=VirtualStep(xi))
    for _ in range(steps):
        (grad,) = method(problem)
        with torch.no_grad():
            alpha -= 0.02 * grad
        (grad_w,) = torch.autograd.grad(train(), w)
        with torch.no_grad():
            w -= xi * grad_w if method is not first else 0.05 * grad_w
    return float(alpha.detach()), float(w.detach())


@pytest.mark.parametrize("method", [finite_difference, exact])
@pytest.mark.parametrize("xi", [0.5, 0.2])
def test_toy_fixed_point(method, xi):
    expected = 2 / (1 + 2 * xi)
    assert descend_toy(method, xi) == pytest.approx((expected, expected), abs=1e-6)


def test_toy_first_order_sticks_at_two():
    assert descend_toy(first, 0.5) == pytest.approx((2.0, 2.0), abs=1e-6)


def test_finite_difference_sees_changed_weights_under_autocast():
    """autocast caches low-precision copies of weights; a stale copy would make the difference exactly zero."""
    torch.manual_seed(0)
    net, alphas = SmoothNet(), torch.randn(3, requires_grad=True)
    batches = [(torch.randn(64, 5), torch.randint(3, (64,))) for _ in range(2)]
    problem = problem_of(net, alphas, batches, VirtualStep(1.0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (first_order,) = first(problem)
        (second_order,) = finite_difference(problem, epsilon=1.0)
    (truth,) = finite_difference(problem, epsilon=1.0)
    term, true_term = second_order - first_order, truth - first(problem)[0]
    assert torch.nn.functional.cosine_similarity(term, true_term, dim=0) > 0.9


def test_parameters_outside_the_graph_get_zero_gradients():
    w, alpha = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    problem = Bilevel(lambda: (w**2).sum(), lambda: (w**3).sum(), [w], [alpha], step=VirtualStep(0.1))
    for method in (first, finite_difference, exact):
        (grad,) = method(problem)
        assert torch.equal(grad, torch.zeros(3))


def test_epsilon_must_be_positive(smooth):
    with pytest.raises(ConfigError, match="epsilon=0"):
        finite_difference(problem_of(*smooth), epsilon=0)


def test_loss_scale_cancels(smooth):
    problem = problem_of(*smooth)
    assert torch.allclose(first(problem)[0], first(problem, loss_scale=1024.0)[0], rtol=1e-12)
