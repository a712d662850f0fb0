"""Contract 8 under the rules that change the weights' gradients: the planted operation is still found, and they act."""

import pytest
import test_planted
import torch
from small_search import fit, search_module, two_classes
from test_planted import OPERATIONS, check_solved, search_planted

from darts_pl.hypergradient import first
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import LayerAlignment, OperationEarlyStopping
from darts_pl.spaces import CellSpace

RULES = {"oles": OperationEarlyStopping, "layer_alignment": LayerAlignment}


def weighted(build):
    """The planted operation behind a 1x1 convolution that begins as the identity."""

    def built(channels, stride, affine):
        convolution = torch.nn.Conv2d(channels, channels, 1, bias=False)
        torch.nn.init.dirac_(convolution.weight)
        return torch.nn.Sequential(convolution, build(channels, stride, affine))

    return built


@pytest.mark.parametrize("name", RULES)
def test_the_planted_operation_is_found(name, monkeypatch):
    rule = RULES[name](**({"kind": "reduce"} if name == "layer_alignment" else {"window": 5}))
    if name == "oles":  # which looks at operations with weights only
        monkeypatch.setattr(test_planted, "OPERATIONS", {op: weighted(build) for op, build in OPERATIONS.items()})
    monkeypatch.setattr(
        test_planted, "search_module", lambda *parts, **settings: search_module(*parts, rules=[rule], **settings)
    )
    supernet, history = search_planted(Softmax(), first)
    check_solved(supernet, history)
    if name == "oles":
        assert history.rows[-1]["frozen_operations"] > 0  # it did act
    assert set(rule.figures()) <= set(history.rows[-1])


def small_supernet():
    torch.manual_seed(0)
    space = CellSpace(init_channels=2, layers=4, num_nodes=1, primitives=("none", "skip_connect", "sep_conv_3x3"))
    return space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)


def weights_after(*rules, precision: str = "32-true") -> dict[str, torch.Tensor]:
    """The supernet after two epochs of two steps."""
    supernet = small_supernet()
    module = search_module(supernet, rules=rules)
    fit(module, data=(two_classes(16, seed=1), two_classes(16, seed=2)), precision=precision)
    assert module.alpha_updates == 4
    return {name: value.detach().clone() for name, value in supernet.named_parameters()}


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_frozen_operations_rest_in_a_real_search_and_nothing_else_does(precision):
    rule = OperationEarlyStopping(threshold=1.0, window=1)  # freezes every operation in the first step
    before = {name: value.detach() for name, value in small_supernet().named_parameters()}
    after = weights_after(rule, precision=precision)
    still = {name for name in before if torch.equal(before[name].to(after[name].dtype), after[name])}
    assert still == {name for name in before if ".candidates." in name} and rule.figures()["frozen_operations"] > 4


def test_without_a_frozen_operation_nothing_changes():
    plain, watched = weights_after(), weights_after(OperationEarlyStopping(threshold=-1.0, window=2))
    assert all(torch.equal(value, watched[name]) for name, value in plain.items())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_layer_alignment_acts_from_the_second_epoch(precision):
    plain = weights_after(precision=precision)
    none, some = LayerAlignment(weight=0.0), LayerAlignment(weight=0.5)
    unchanged, changed = (weights_after(rule, precision=precision) for rule in (none, some))
    assert all(torch.equal(value, unchanged[name]) for name, value in plain.items())
    assert any(not torch.equal(value, changed[name]) for name, value in plain.items())
    assert all(torch.isfinite(value).all() for value in changed.values())
    assert some.strength == 0.5 and -1 <= some.alignment <= 1 and some.alignment != 0
