"""DARTS-: what the auxiliary skip adds, how it fades, and that derived networks do not have it."""

import math

import pytest
import torch

from darts_pl.errors import ConfigError
from darts_pl.ops.image import FactorizedReduce
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import AuxiliarySkip
from darts_pl.spaces import CellSpace

PRIMITIVES = ("none", "avg_pool_3x3", "sep_conv_3x3")


def supernet(auxiliary_skip: bool = True):
    torch.manual_seed(0)
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=PRIMITIVES)
    return space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full, auxiliary_skip=auxiliary_skip).double()


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("linear", [2.0, 1.5, 1.0, 0.5, 0.0]),
        ("constant", [2.0] * 5),
        ("cosine", [2.0, 1 + math.sqrt(0.5), 1.0, 1 - math.sqrt(0.5), 0.0]),
    ],
)
def test_it_fades(decay, expected):
    rule, network, found = AuxiliarySkip(start=2.0, decay=decay), supernet(), []
    for quarter in range(5):
        rule.schedule(network, quarter / 4)
        weights = {choice.auxiliary_weight for choice in network.choices()}
        assert weights == {rule.figures()["auxiliary_weight"]}
        found.extend(weights)
    assert found == pytest.approx(expected, abs=1e-15)


def test_it_is_added_to_the_mixture():
    network = supernet().eval()
    AuxiliarySkip().schedule(network, 0.25)
    gate = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    strides = set()
    for cell in network.cells:
        for choice in cell.edges.values():
            x = torch.randn(3, 2 * 2 ** reductions(network, cell), 8, 8, dtype=torch.float64)
            mixture = sum(g * op(x) for g, op in zip(gate, choice.candidates.values()))
            reduces = isinstance(choice.auxiliary, FactorizedReduce)
            strides.add(reduces)
            added = choice.auxiliary(x) if reduces else x
            torch.testing.assert_close(choice(x, gate), mixture + 0.75 * added, rtol=0, atol=1e-12)
            torch.testing.assert_close(choice(x, gate, without_auxiliary=True), mixture, rtol=0, atol=1e-12)
    assert strides == {True, False}


def reductions(network, cell) -> int:
    """Reductions up to and with `cell`."""
    cells = list(network.cells)
    return sum(other.kind == "reduce" for other in cells[: cells.index(cell) + 1])


def test_derived_networks_do_not_have_it():
    network, plain = supernet().eval(), supernet(auxiliary_skip=False).eval()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if ".auxiliary." not in k})
    AuxiliarySkip().schedule(network, 0.0)
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    gates = plain.gates()
    expected = plain(x, gates)
    torch.testing.assert_close(network.forward_as_derived(x, gates), expected, rtol=0, atol=1e-12)
    assert not torch.allclose(network(x, gates), expected)
    AuxiliarySkip().schedule(network, 1.0)
    torch.testing.assert_close(network(x, gates), expected, rtol=0, atol=1e-12)


def test_its_weights_are_trained_with_the_weights():
    network = supernet()
    own = [p for choice in network.choices() for p in choice.auxiliary.parameters()]
    assert own and {id(p) for p in own} <= {id(p) for p in network.weight_parameters()}
    AuxiliarySkip().schedule(network, 0.0)
    grads = torch.autograd.grad(network(torch.randn(4, 1, 8, 8, dtype=torch.float64)).square().sum(), own)
    assert all(grad.abs().sum() > 0 for grad in grads)


def test_errors_are_named():
    with pytest.raises(ConfigError, match=r"auxiliary_skip\.start=-1"):
        AuxiliarySkip(start=-1)
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        AuxiliarySkip(decay="liner")
