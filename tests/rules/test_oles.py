"""OLES: the cosines, the windows, and that frozen weights lie still bit for bit while all else moves."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from darts_pl.errors import ConfigError
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import Combination, OperationEarlyStopping, WeightStep
from darts_pl.rules.oles import cosines, weighted_operations
from darts_pl.spaces import CellSpace

PRIMITIVES = ("none", "skip_connect", "sep_conv_3x3", "dil_conv_3x3")


def small_supernet():
    torch.manual_seed(0)
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=PRIMITIVES)
    return space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)


def images(seed: int):
    return torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(seed)), torch.arange(8) % 2


def weight_step(supernet, valid=1, *, gates=None, valid_gates=None, scale: float = 1.0) -> WeightStep:
    """The step on batch 0, its gradients computed; the validation loss is that of batch `valid`."""

    def loss(seed, chosen):
        x, y = images(seed)
        return F.cross_entropy(supernet(x, chosen), y)  # relaxed from the alphas where no gates are given

    supernet.zero_grad()
    (scale * loss(0, gates)).backward()
    other = gates if valid_gates is None else valid_gates
    return WeightStep(supernet, lambda: loss(0, gates), lambda: loss(valid, other), gates, 0, scale)


def gradient(supernet, step_loss) -> dict[str, np.ndarray]:
    """Per operation all gradients as one float64 vector."""
    operations = dict(weighted_operations(supernet))
    weights = [weight for group in operations.values() for weight in group]
    grads = iter(torch.autograd.grad(step_loss, weights, allow_unused=True, materialize_grads=True))
    return {name: np.concatenate([next(grads).numpy().ravel() for _ in w]) for name, w in operations.items()}


def test_operations_are_named_by_cell_edge_and_candidate():
    names = [name for name, _ in weighted_operations(small_supernet())]
    assert len(names) == len(set(names)) == 3 * 2 * 2 + 2 * 2  # and the reducing skips of two reduction cells
    assert names[:2] == ["0/2_0/sep_conv_3x3", "0/2_0/dil_conv_3x3"] and "1/2_0/skip_connect" in names


def test_the_mean_cosine_is_that_of_both_gradients():
    """Two steps with different validation batches, against numpy."""
    supernet, rule, expected = small_supernet(), OperationEarlyStopping(window=3), {}
    for valid in (1, 2):
        step = weight_step(supernet, valid)
        one, other = gradient(supernet, step.train_loss()), gradient(supernet, step.valid_loss())
        for name in one:
            cosine = one[name] @ other[name] / (np.linalg.norm(one[name]) * np.linalg.norm(other[name]))
            expected[name] = expected.get(name, 0.0) + cosine
        rule.adjust(weight_step(supernet, valid))
    assert rule.sums == pytest.approx(expected, abs=1e-5) and len({round(v, 3) for v in expected.values()}) > 5
    assert set(rule.counts.values()) == {2} and not rule.frozen


def test_the_loss_scale_of_float16_changes_nothing():
    rules = [OperationEarlyStopping(), OperationEarlyStopping()]
    for rule, scale in zip(rules, (1.0, 4096.0)):
        rule.adjust(weight_step(small_supernet(), scale=scale))
    assert rules[0].sums == pytest.approx(rules[1].sums, abs=1e-5)


def given(values: dict[str, list[float]]):
    """A rule and a way to count given cosines."""
    rule = OperationEarlyStopping(threshold=0.125, window=3)
    for name, series in values.items():
        for value in series:
            rule._count(name, value)
    return rule


def test_windows_do_not_overlap_and_the_threshold_is_strict():
    rule = given(
        {
            "low": [0.2, 0.1, -0.1],  # mean 0.067
            "at": [0.0625, 0.125, 0.1875],  # mean 0.125, not below it
            "late": [0.9, 0.9, 0.9, 0.2, 0.05, 0.04],  # the second window alone
            "sliding": [0.9, 0.0, 0.0, 0.0, 0.9, 0.0],  # only a window that slides would freeze it
            "short": [-1.0, -1.0],
        }
    )
    assert rule.frozen == {"low", "late"} and rule.figures() == {"frozen_operations": 2}
    assert rule.counts == {"short": 2} and rule.sums == {"short": -2.0}


def test_cosines_of_absent_and_vanishing_gradients_are_undefined():
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(6)]
    for weight, grad in zip(weights, ([3.0, 4.0], [0.0, 0.0], None, [1.0, 0.0], [0.0, 0.0], [float("inf"), 1.0])):
        weight.grad = None if grad is None else torch.tensor(grad)
    others = [torch.tensor(v) for v in ([4.0, 3.0], [1.0, 1.0], [1.0, 1.0])] + [None, None, torch.ones(2)]
    found = cosines([[weights[0]], [weights[1]], [weights[2]], [weights[3], weights[4]], [weights[5]]], others)
    assert found[0] == pytest.approx(0.96) and np.isnan(found[1:]).all()
    joined = cosines([[weights[0], weights[3]]], [torch.tensor([4.0, 3.0]), torch.tensor([-1.0, 0.0])])
    assert joined == pytest.approx([(24 - 1) / np.sqrt(26 * 26)])  # one vector, not a mean of two cosines


def test_an_operation_that_was_not_drawn_is_not_counted():
    supernet, rule = small_supernet(), OperationEarlyStopping(window=1)
    one_hot = {kind: torch.zeros(2, 4).index_fill_(1, torch.tensor(2), 1.0) for kind in supernet.kinds}
    other = {kind: torch.zeros(2, 4).index_fill_(1, torch.tensor(3), 1.0) for kind in supernet.kinds}
    rule.adjust(weight_step(supernet, gates=one_hot, valid_gates=other))
    assert not rule.frozen and not rule.counts
    rule.threshold = 1.0  # freezes whatever is counted
    rule.adjust(weight_step(supernet, gates=one_hot))
    assert rule.frozen and {name.split("/")[2] for name in rule.frozen} == {"sep_conv_3x3"}


def test_frozen_weights_lie_still_bit_for_bit():
    """Momentum, weight decay and clipping included, after steps that gave them momentum."""
    supernet, rule = small_supernet(), OperationEarlyStopping(threshold=1.0, window=3)
    optimizer = torch.optim.SGD(supernet.weight_parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)

    def train():
        rule.adjust(weight_step(supernet))
        torch.nn.utils.clip_grad_norm_(supernet.weight_parameters(), 0.5)
        optimizer.step()

    for _ in range(2):
        train()
    rule._count("0/2_0/sep_conv_3x3", -1.0)
    assert rule.frozen == {"0/2_0/sep_conv_3x3"}
    before = {name: value.clone() for name, value in supernet.named_parameters()}
    rule.threshold = -1.0
    train(), train()
    moved = {name for name, value in supernet.named_parameters() if not torch.equal(value, before[name])}
    still = {name for name in before if name.startswith("cells.0.edges.2_0.candidates.sep_conv_3x3.")}
    assert len(still) == 4
    assert moved == {name for name in before if not name.startswith("alphas.")} - still


def test_alphas_of_frozen_operations_still_get_gradients():
    supernet, rule = small_supernet(), OperationEarlyStopping()
    rule.frozen = {name for name, _ in weighted_operations(supernet)}
    rule.adjust(weight_step(supernet))
    grads = torch.autograd.grad(weight_step(supernet).valid_loss(), supernet.arch_parameters())
    assert all((grad.abs() > 0).all() for grad in grads)


def test_state_comes_back_through_a_file(tmp_path):
    rule, other = given({"low": [0.2, 0.1, -0.1], "short": [0.3]}), OperationEarlyStopping(0.125, 3)
    torch.save(rule.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for each in (rule, other):
        each._count("short", 0.0), each._count("short", -0.1)
    assert other.frozen == rule.frozen == {"low", "short"} and other.counts == rule.counts == {}


def test_what_does_not_fit_is_refused():
    combination = partial(Combination, Softmax(), SimpleNamespace())
    OperationEarlyStopping().check(combination(second_order=False))
    with pytest.raises(ConfigError, match="Take hypergradient=first"):
        OperationEarlyStopping().check(combination(second_order=True))
    for settings, words in (({"threshold": 1.5}, "threshold=1.5"), ({"window": 0}, "window=0")):
        with pytest.raises(ConfigError, match=words):
            OperationEarlyStopping(**settings)
