"""Λ-DARTS: the alignment, its gradient against autograd twice in float64, its place in the step, what it refuses."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from darts_pl.engine.choosing import running_by
from darts_pl.errors import ConfigError
from darts_pl.relaxations import Gumbel, Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import Combination, LayerAlignment, WeightStep
from darts_pl.rules.layer_alignment import alignment
from darts_pl.spaces import CellSpace


class Smooth(nn.Module):
    """A convolution and tanh: twice differentiable, unlike what follows a ReLU."""

    def __init__(self, channels: int, stride: int, kernel: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, bias=False)

    def forward(self, x):
        return torch.tanh(self.conv(x))


OPERATIONS = {
    "smooth_1": lambda channels, stride, affine: Smooth(channels, stride, 1),
    "smooth_3": lambda channels, stride, affine: Smooth(channels, stride, 3),
}
PRIMITIVES = ("none", "avg_pool_3x3", "smooth_1", "smooth_3")


def smooth_supernet(layers: int = 5):
    """A supernet in float64 whose ReLUs are softplus; with 5 layers it has three normal cells."""
    torch.manual_seed(0)
    space = CellSpace(init_channels=2, layers=layers, num_nodes=2, primitives=PRIMITIVES, operations=OPERATIONS)
    supernet = space.supernet((1, 8, 8), 3, relaxation=Softmax(), mixing=full).double().train()
    for cell in supernet.cells:
        for module in (cell.preprocess0, cell.preprocess1):
            if hasattr(module, "relu"):
                module.relu = nn.Softplus()
    return supernet


@pytest.fixture
def soft_relu(monkeypatch):
    """ReLU inside FactorizedReduce made smooth too."""
    monkeypatch.setattr(F, "relu", lambda x, inplace=False: F.softplus(x))


def weight_step(supernet, *, loss_scale: float = 1.0) -> WeightStep:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(12, 1, 8, 8, generator=generator, dtype=torch.float64), torch.arange(12) % 3
    gates = {kind: gate.detach() for kind, gate in supernet.gates().items()}

    def train_loss(other=None):
        return F.cross_entropy(supernet(x, gates if other is None else other), y)

    for weight, grad in zip(
        supernet.weight_parameters(), torch.autograd.grad(train_loss() * loss_scale, supernet.weight_parameters())
    ):
        weight.grad = grad
    return WeightStep(supernet, train_loss, train_loss, gates, 0, loss_scale)


def by_definition(supernet, step) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """(Λ, dΛ/dw) from the definition: mean cosine over pairs of normal cells, differentiated by autograd twice."""
    gates = [step.gates[cell.kind].clone().requires_grad_() for cell in supernet.cells]
    normal = [gate for gate, cell in zip(gates, supernet.cells) if cell.kind == "normal"]
    grads = [g.flatten() for g in torch.autograd.grad(step.train_loss(gates), normal, create_graph=True)]
    pairs = [F.cosine_similarity(a, b, dim=0) for a, b in itertools.combinations(grads, 2)]
    value = torch.stack(pairs).mean()
    weights = supernet.weight_parameters()
    return value.detach(), list(torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True))


def flat(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors])


def added(supernet, step, rule) -> torch.Tensor:
    before = flat([w.grad.clone() for w in supernet.weight_parameters()])
    rule.adjust(step)
    return flat([w.grad for w in supernet.weight_parameters()]) - before


def test_the_term_is_the_exact_gradient_of_the_alignment(soft_relu):
    supernet = smooth_supernet()
    step, rule = weight_step(supernet), LayerAlignment(weight=0.3)
    rule.schedule(supernet, 0.5)
    value, gradient = by_definition(supernet, step)
    found, expected = added(supernet, step, rule), -0.15 * flat(gradient)
    assert expected.norm() > 1e-4
    assert (found - expected).norm() < 1e-10 * expected.norm()
    assert rule.figures()["layer_alignment"] == pytest.approx(float(value), abs=1e-12)


def rough_step(dtype: torch.dtype, engine: str = "plain"):
    """(supernet, step) in the DARTS cell space as it is, with its ReLUs and max-poolings, the same for every type."""
    torch.manual_seed(0)
    space = CellSpace(init_channels=4, layers=5, num_nodes=2)
    supernet = space.supernet((3, 8, 8), 10, relaxation=Softmax(), mixing=full).double().train().to(dtype)
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(16, 3, 8, 8, generator=generator, dtype=torch.float64).to(dtype), torch.arange(16) % 10
    gates = {kind: gate.detach() for kind, gate in supernet.gates().items()}

    def train_loss(other=None):
        with running_by(supernet, engine):
            return F.cross_entropy(supernet(x, gates if other is None else other), y)

    weights = supernet.weight_parameters()
    for weight, grad in zip(weights, torch.autograd.grad(train_loss(), weights, allow_unused=True)):
        weight.grad = torch.zeros_like(weight) if grad is None else grad
    return supernet, WeightStep(supernet, train_loss, train_loss, gates, 0)


def rough_term(dtype: torch.dtype, engine: str = "plain") -> torch.Tensor:
    supernet, step = rough_step(dtype, engine)
    rule = LayerAlignment(weight=1.0)
    rule.schedule(supernet, 1.0)
    return added(supernet, step, rule).double()


def differences_of_gates(step, length: float) -> torch.Tensor:
    """The released code's -∇_w Λ: central differences of ∇_w L_train in the gates."""
    supernet = step.supernet
    gates = [step.gates[cell.kind].clone().requires_grad_() for cell in supernet.cells]
    grads = torch.autograd.grad(step.train_loss(gates), gates)
    normal = [cell.kind == "normal" for cell in supernet.cells]
    directions = iter(alignment([grad for grad, each in zip(grads, normal) if each])[1])
    along = [next(directions) if each else torch.zeros_like(grad) for grad, each in zip(grads, normal)]
    radius = length / flat(along).norm()
    sides = []
    for sign in (-1, 1):
        moved = [gate.detach() + sign * radius * d for gate, d in zip(gates, along)]
        weights = supernet.weight_parameters()
        grads = torch.autograd.grad(step.train_loss(moved), weights, allow_unused=True, materialize_grads=True)
        sides.append(flat(grads))
    return (sides[0] - sides[1]) / (2 * radius)


def test_the_term_holds_behind_relus_where_differences_of_gates_are_noise():
    """The exact gradient changes Λ, along a direction, as Λ itself changes when the weights are moved along it; the
    released code's differences are longer by an order of magnitude and point elsewhere."""
    supernet, step = rough_step(torch.float64)
    exact = rough_term(torch.float64)
    weights = supernet.weight_parameters()
    sizes = [weight.numel() for weight in weights]
    direction = torch.randn(sum(sizes), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    direction += 0.1 * direction.norm() * exact / exact.norm()
    values = []
    for side in (-1, 1):
        with torch.no_grad():
            for weight, part in zip(weights, direction.split(sizes)):
                weight.add_(side * 1e-9 * part.view_as(weight))
        values.append(float(by_definition(supernet, step)[0]))
        with torch.no_grad():
            for weight, part in zip(weights, direction.split(sizes)):
                weight.sub_(side * 1e-9 * part.view_as(weight))
    slope = (values[1] - values[0]) / 2e-9
    assert slope == pytest.approx(float(-exact @ direction), rel=1e-3)
    noise = differences_of_gates(step, 1e-4)
    cosine = float(F.cosine_similarity(noise, exact, dim=0))
    assert noise.norm() > 3 * exact.norm() and cosine < 0.5


@pytest.mark.parametrize("engine", ["plain", "fast", "native"])
def test_the_term_in_float32_by_every_engine(engine):
    exact, found = rough_term(torch.float64), rough_term(torch.float32, engine)
    assert F.cosine_similarity(found, exact, dim=0) > 0.999
    precise = rough_term(torch.float64, engine)
    assert (precise - exact).norm() < 1e-10 * exact.norm()


def test_steps_along_the_term_raise_the_alignment(soft_relu):
    """The sign: descending what the rule adds, and nothing else, aligns the cells."""
    supernet, values = smooth_supernet(), []
    rule = LayerAlignment(weight=1.0)
    rule.schedule(supernet, 1.0)
    for _ in range(6):
        step = weight_step(supernet)
        change = added(supernet, step, rule)
        values.append(rule.alignment)
        sizes = [w.numel() for w in supernet.weight_parameters()]
        with torch.no_grad():
            for weight, part in zip(supernet.weight_parameters(), change.split(sizes)):
                weight.sub_(0.05 / change.norm() * part.view_as(weight))
    assert values == sorted(values) and values[-1] > values[0] + 0.01


def test_alignment_of_known_vectors():
    value, directions = alignment([torch.tensor([2.0, 0.0]), torch.tensor([0.0, 3.0]), torch.tensor([-1.0, 0.0])])
    assert value == pytest.approx((0 - 1 + 0) / 3, abs=1e-6)
    # d_1 = 1/3 · (I − u₁u₁ᵀ)(u₂ + u₃) / 2 = (0, 1/6), and so on by hand
    expected = [(0.0, 1 / 6), (0.0, 0.0), (0.0, 1 / 3)]
    assert [tuple(d.tolist()) for d in directions] == [pytest.approx(row, abs=1e-6) for row in expected]
    parallel, still = alignment([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 6.0]])])
    assert parallel == pytest.approx(1.0) and all(d.abs().max() < 1e-6 and d.shape == (1, 2) for d in still)
    none, zeros = alignment([torch.zeros(3), torch.ones(3)])
    assert none == 0 and torch.isfinite(flat(zeros)).all() and not zeros[0].any()


def test_the_loss_scale_multiplies_the_term_alone(soft_relu):
    changes = []
    for scale in (1.0, 1024.0):
        supernet = smooth_supernet()
        rule = LayerAlignment()
        rule.schedule(supernet, 1.0)
        changes.append(added(supernet, weight_step(supernet, loss_scale=scale), rule) / scale)
    assert torch.allclose(*changes, rtol=1e-8, atol=1e-12)


def test_nothing_is_added_at_the_start_but_the_alignment_is_known(soft_relu):
    supernet, rule = smooth_supernet(), LayerAlignment()
    rule.schedule(supernet, 0.0)
    assert not added(supernet, weight_step(supernet), rule).any()
    assert 0 < abs(rule.alignment) <= 1


def test_candidates_that_are_not_left_count_for_nothing(soft_relu):
    """Masked with or without their modules: the same Λ and the same term."""
    found = []
    for remove in (False, True):
        supernet = smooth_supernet()
        mask = torch.ones(5, 4, dtype=torch.bool)
        mask[:, 1] = False
        if remove:
            supernet.keep(dict.fromkeys(supernet.kinds, mask))
        else:
            for kind in supernet.kinds:
                supernet.kept(kind).copy_(mask)
        rule = LayerAlignment()
        rule.schedule(supernet, 1.0)
        found.append((added(supernet, weight_step(supernet), rule), rule.alignment))
    assert torch.allclose(found[0][0], found[1][0], atol=1e-12) and found[0][1] == pytest.approx(found[1][1])


def test_weights_without_a_gradient_stay_without(soft_relu):
    supernet, rule = smooth_supernet(), LayerAlignment()
    rule.schedule(supernet, 1.0)
    step = weight_step(supernet)
    supernet.head.weight.grad = None
    rule.adjust(step)
    assert supernet.head.weight.grad is None


def test_what_does_not_fit_is_refused():
    rule = LayerAlignment()
    with pytest.raises(ConfigError, match="one-hot"):
        rule.check(Combination(SimpleNamespace(one_hot=True), full, second_order=False))
    with pytest.raises(ConfigError, match="one-hot"):
        rule.check(Combination(Softmax(), SimpleNamespace(needs_one_hot=True), second_order=False))
    rule.check(Combination(Gumbel(), full, second_order=True))
    with pytest.raises(ConfigError, match=r"found 1, expected at least 2\. Raise space\.layers"):
        rule.schedule(smooth_supernet(layers=3), 0.0)
    with pytest.raises(ConfigError, match=r"kind=cell: expected one of \['normal', 'reduce'\]"):
        LayerAlignment(kind="cell").schedule(smooth_supernet(), 0.0)
    LayerAlignment(kind="reduce").schedule(smooth_supernet(), 0.0)
    with pytest.raises(ConfigError, match="expected"):
        LayerAlignment(weight=-0.1)


def test_state_comes_back():
    rule, other = LayerAlignment(), LayerAlignment()
    rule.alignment = 0.25
    other.load_state_dict(rule.state_dict())
    assert other.figures() == {"layer_alignment": 0.25} and math.isfinite(other.alignment)
