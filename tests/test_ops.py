"""Each primitive alone: sizes, gradients, what normalisation it holds, and numbers worked out by hand."""

import pytest
import torch
import torch.nn as nn
from hypothesis import given, settings
from hypothesis import strategies as st

from darts_pl.errors import ConfigError
from darts_pl.ops.image import OPERATIONS, PRIMITIVES, FactorizedReduce, Zero, build, separable
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace


def built(name: str, channels: int = 4, stride: int = 1, *, affine: bool = True, searching: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return build(name, channels, stride, affine=affine, searching=searching, operations=OPERATIONS)


def test_the_eight_primitives_in_the_papers_order():
    assert PRIMITIVES == (
        "none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
        "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
    )  # fmt: skip
    assert set(PRIMITIVES) < set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
@given(st.integers(1, 5), st.integers(1, 13), st.integers(1, 13), st.sampled_from([1, 2]), st.booleans())
@settings(max_examples=12, deadline=None)
def test_sizes_at_any_height_width_and_channels(name, channels, height, width, stride, searching):
    operation = built(name, channels, stride, affine=not searching, searching=searching)
    x = torch.randn(2, channels, height, width)
    y = operation.eval()(x)
    assert y.shape == (2, channels, -(-height // stride), -(-width // stride))
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "none"])
def test_gradients_reach_the_input_and_every_weight(name, stride):
    operation = built(name, stride=stride)
    x = torch.randn(4, 4, 7, 8, requires_grad=True)
    (operation(x) * torch.randn(4, 4, -(-7 // stride), 8 // stride)).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad.abs().sum() > 0 for p in operation.parameters())


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("none", "skip_connect")])
def test_normalisation_of_each_operation(name):
    for affine in (False, True):
        norms = [m for m in built(name, affine=affine).modules() if isinstance(m, nn.BatchNorm2d)]
        assert all(norm.affine is affine for norm in norms)
        assert len(norms) == (0 if "pool" in name else 2 if name.startswith("sep") else 1)
    searching = built(name, affine=False, searching=True)
    assert isinstance(list(searching.modules())[-1], nn.BatchNorm2d)  # poolings too


@pytest.mark.parametrize("stride", [1, 2])
def test_none_gives_zeros_and_hides_what_is_not_finite(stride):
    x = torch.full((2, 3, 5, 4), float("nan"))
    assert torch.equal(Zero(stride)(x), torch.zeros(2, 3, -(-5 // stride), 4 // stride))


def test_skip_is_the_identity_or_a_reduction():
    assert isinstance(built("skip_connect"), nn.Identity)
    assert isinstance(built("skip_connect", stride=2), FactorizedReduce)


def test_average_pooling_does_not_count_the_border():
    ones = torch.ones(1, 1, 4, 5)
    for stride in (1, 2):
        assert (built("avg_pool_3x3", 1, stride)(ones) == 1).all()


def test_poolings_of_a_known_image():
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])[None, None]
    assert built("max_pool_3x3", 1, 2)(x)[0, 0].tolist() == [[5, 6], [8, 9]]
    assert built("avg_pool_3x3", 1, 2)(x)[0, 0].tolist() == [[3, 4], [6, 7]]
    assert built("max_pool_3x3", 1)(-x)[0, 0, 0].tolist() == [-1, -1, -2]  # the border is no zero


def test_reduction_takes_even_places_and_odd_places():
    reduce = FactorizedReduce(1, 2, affine=False)
    nn.init.ones_(reduce.conv_1.weight), nn.init.ones_(reduce.conv_2.weight)
    reduce.bn = nn.Identity()
    x = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    y = reduce(x)
    assert y[0, 0].tolist() == [[1, 3], [7, 9]]
    assert y[0, 1].tolist() == [[5, 0], [0, 0]]  # beyond the border of an odd image lie zeros


@pytest.mark.parametrize(("channels", "split"), [(1, (1, 0)), (5, (3, 2)), (6, (3, 3))])
def test_reduction_with_odd_channels(channels, split):
    reduce = FactorizedReduce(4, channels, affine=True)
    found = (reduce.conv_1.out_channels, reduce.conv_2.out_channels if reduce.conv_2 is not None else 0)
    assert found == split and reduce(torch.randn(2, 4, 5, 5)).shape == (2, channels, 3, 3)


@pytest.mark.parametrize(("name", "reach"), [("sep_conv_3x3", 2), ("sep_conv_5x5", 4), ("sep_conv_7x7", 6)])
def test_reach_of_separable_convolutions(name, reach):
    assert field_of_view(name) == set(range(-reach, reach + 1))


@pytest.mark.parametrize(("name", "offsets"), [("dil_conv_3x3", {-2, 0, 2}), ("dil_conv_5x5", {-4, -2, 0, 2, 4})])
def test_reach_of_dilated_convolutions(name, offsets):
    assert field_of_view(name) == offsets


def field_of_view(name: str) -> set[int]:
    """Offsets of the columns that the middle output depends on."""
    operation = built(name, 2).eval()
    for weight in operation.parameters():
        nn.init.ones_(weight)  # no ReLU is shut
    x = (torch.rand(1, 2, 21, 21) + 0.1).requires_grad_()
    operation(x)[0, :, 10, 10].square().sum().backward()
    reached = x.grad.abs().sum((0, 1, 2)).nonzero().flatten() - 10
    return set(reached.tolist())


def test_an_unknown_operation_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'sep_conv_3x' is not a known operation. Did you mean 'sep_conv_3x3'"):
        built("sep_conv_3x")


class Kept(nn.Module):
    """Leaves height and width as they are, whatever the stride."""

    def forward(self, x):
        return x


@pytest.mark.parametrize(
    "builder, words",
    [
        (lambda channels, stride, affine: Kept(), r"'reduce'.*different shapes, .*'mine' \(2, 8, 8, 8\)"),
        (lambda channels, stride: Kept(), "space.operations.mine: expected what builds a module of"),
        (lambda channels, stride, affine: Kept, "space.operations.mine: .*found <class"),
    ],
)
def test_an_operation_of_ones_own_is_tried_before_any_work(builder, words):
    space = CellSpace(init_channels=4, layers=3, num_nodes=1, primitives=("none", "mine"), operations={"mine": builder})
    with pytest.raises(ConfigError, match=words):
        space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)


def test_trying_an_operation_changes_no_draws_and_no_mixing():
    """As it is built without being tried, under another name for the same."""
    own = {"mine": separable(3)}
    space = CellSpace(init_channels=4, layers=3, num_nodes=1, primitives=("none", "mine"), operations=own)
    known = CellSpace(init_channels=4, layers=3, num_nodes=1, primitives=("none", "sep_conv_3x3"))
    made = []
    for each in (space, known):
        torch.manual_seed(0)
        supernet = each.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)
        made.append((*supernet.state_dict().values(), supernet(torch.randn(2, 1, 8, 8))))
    assert all(torch.equal(*pair) for pair in zip(*made, strict=True))
