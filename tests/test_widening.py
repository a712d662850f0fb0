"""Net2WiderNet: on replicated channels a widened operation does what the narrow one did, in float64."""

import pytest
import torch
import torch.nn as nn

from darts_pl.errors import ConfigError
from darts_pl.ops.image import OPERATIONS, build
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.widening import halves, replicas, widen, widen_operation

BEFORE, AFTER = 4, 7


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def one_mapping():
    """A mapping that does not change once it is drawn, with every size that was asked for."""
    drawn = {}

    def mapping(before: int, after: int) -> torch.Tensor:
        if (before, after) not in drawn:
            drawn[before, after] = replicas(before, after)
        return drawn[before, after]

    return mapping


def operation(name: str, channels: int, stride: int, affine: bool = False) -> nn.Module:
    """In float64, with normalisations whose state is not trivial."""
    found = build(name, channels, stride, affine=affine, searching=True, operations=OPERATIONS).double()
    for module in found.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(), module.running_var.uniform_(0.5, 2.0)
            if affine:
                nn.init.normal_(module.weight), nn.init.normal_(module.bias)
    return found


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("affine", [False, True], ids=["plain", "affine"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", list(OPERATIONS))
@pytest.mark.parametrize("sizes", [(BEFORE, AFTER), (3, 4), (2, 9)], ids=str)
def test_every_primitive_is_preserved(name, stride, affine, training, sizes):
    before, after = sizes
    old, new = operation(name, before, stride, affine), operation(name, after, stride, affine)
    mapping = one_mapping()
    widen_operation(old, new, mapping)
    old.train(training), new.train(training)
    g = mapping(before, after)
    x = torch.randn(3, before, 9, 7, dtype=torch.float64)
    expected = old(x)
    rows = g
    if name == "skip_connect" and stride == 2:
        first, second = halves(before, after, mapping)
        rows = torch.cat([first, second + before - before // 2])
        assert rows.shape == (after,) and rows.max() < before
    torch.testing.assert_close(new(x[:, g]), expected[:, rows], rtol=1e-10, atol=1e-10)
    assert list(g[:before]) == list(range(before)) and set(g.tolist()) == set(range(before))


def test_gradients_of_replicas_add_up():
    """∂L/∂x of the old channel is the sum over its replicas, where L sees each output channel once."""
    old, new = operation("sep_conv_3x3", BEFORE, 1), operation("sep_conv_3x3", AFTER, 1)
    mapping = one_mapping()
    widen_operation(old, new, mapping)
    x = torch.randn(2, BEFORE, 6, 6, dtype=torch.float64, requires_grad=True)
    wide = x[:, mapping(BEFORE, AFTER)]
    weights = torch.randn(2, BEFORE, 6, 6, dtype=torch.float64)
    theirs = torch.autograd.grad((new(wide)[:, :BEFORE] * weights).sum(), x)[0]
    ours = torch.autograd.grad((old(x) * weights).sum(), x)[0]
    torch.testing.assert_close(theirs, ours, rtol=1e-10, atol=1e-10)


def test_a_dense_convolution_by_hand():
    """Two channels to three with g = (0, 1, 0): the formula of Net2WiderNet written out."""
    old, new = nn.Conv2d(2, 2, 1).double(), nn.Conv2d(3, 3, 1).double()
    widen_operation(old, new, lambda before, after: torch.tensor([0, 1, 0]))
    (a, b), (c, d) = old.weight.detach().view(2, 2).tolist()
    expected = [[a / 2, b, a / 2], [c / 2, d, c / 2], [a / 2, b, a / 2]]
    torch.testing.assert_close(new.weight.detach().view(3, 3), torch.tensor(expected, dtype=torch.float64))
    assert new.bias.tolist() == [old.bias[0].item(), old.bias[1].item(), old.bias[0].item()]


def test_the_mapping_is_drawn_from_the_seed_and_uniform():
    torch.manual_seed(3)
    one = replicas(4, 4004)
    torch.manual_seed(3)
    assert torch.equal(one, replicas(4, 4004))
    counts = one[4:].bincount(minlength=4)
    assert counts.min() > 850 and counts.max() < 1150  # 1000 each, standard deviation 27


class Divided:
    """A mixing of one channel in `channel_divisor`, the rest left at zero."""

    def __init__(self, channel_divisor: int):
        self.channel_divisor = channel_divisor

    def __call__(self, x, candidates, gate):
        width = x.shape[1] // self.channel_divisor
        y = full(x[:, :width], candidates, gate)
        return torch.cat([y, y.new_zeros(len(y), x.shape[1] - width, *y.shape[2:])], dim=1)


def supernet(divisor: int, **settings):
    space = CellSpace(**{"init_channels": 12, "layers": 3, "num_nodes": 2, **settings})
    return space.supernet((1, 8, 8), 3, relaxation=Softmax(), mixing=Divided(divisor)).double()


def test_a_supernet_keeps_what_is_outside_and_widens_what_is_inside():
    source, target = supernet(6), supernet(4)
    source.train()(torch.rand(4, 1, 8, 8, dtype=torch.float64))
    masks = {kind: torch.arange(8).expand(5, 8) % 3 > 0 for kind in source.kinds}
    target.keep(masks)
    widen(source, target)
    given, found = source.state_dict(), target.state_dict()
    outside = [name for name in found if ".candidates." not in name and not name.startswith("kept_")]
    assert {"alphas.normal", "stem.conv.0.weight", "head.weight", "cells.2.preprocess0.conv_1.weight"} <= set(outside)
    assert all(torch.equal(found[name], given[name]) for name in outside)
    for kind in source.kinds:
        assert torch.equal(target.kept(kind), masks[kind])  # the phase's own, not the earlier
    name = "cells.0.edges.2_0.candidates.sep_conv_5x5.1.weight"
    assert found[name].shape == (3, 1, 5, 5) and torch.equal(found[name][:2], given[name])
    assert not any(".none." in name or ".skip_connect." in name for name in found if ".candidates." in name)


def test_one_mapping_serves_all_candidates_of_a_cell():
    """The mixed operation as a whole is preserved on edges of stride 1."""
    source, target = supernet(6).eval(), supernet(4).eval()
    widen(source, target)
    gate = torch.rand(8, dtype=torch.float64)
    for cell, wide in zip(source.cells, target.cells):
        edge, wider = cell.edges["3_2"], wide.edges["3_2"]
        before, after = (found.candidates["dil_conv_3x3"][1].in_channels for found in (edge, wider))
        g = torch.tensor([_replicated(edge, wider, channel) for channel in range(after)])
        x = torch.randn(2, before, 5, 5, dtype=torch.float64)
        expected = full(x, edge.candidates.values(), gate)[:, g]
        found = full(x[:, g], wider.candidates.values(), gate)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def _replicated(edge: MixedOperation, wider: MixedOperation, channel: int) -> int:
    """The old channel whose depthwise kernel the new `channel` has."""
    old, new = (found.candidates["dil_conv_3x3"][1].weight for found in (edge, wider))
    return next(index for index, kernel in enumerate(old) if torch.equal(kernel, new[channel]))


def test_equal_widths_are_copied_bit_for_bit():
    source, target = supernet(4), supernet(4)
    widen(source, target)
    given = source.state_dict()
    assert all(torch.equal(value, given[name]) for name, value in target.state_dict().items())


class Scaled(nn.Module):
    """An operation with a parameter of its own."""

    def __init__(self, size: int):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(size))

    def forward(self, x):
        return x * self.scale.mean()


def test_an_operation_of_other_modules_is_copied_where_shapes_agree():
    old, new = Scaled(1), Scaled(1)
    widen_operation(old, new, one_mapping())
    assert torch.equal(old.scale, new.scale)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (Scaled(2), Scaled(3), r"'mine': scale of Scaled has the shape \[2\] before and \[3\] after"),
        (nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(6, 6, 3, groups=2), "'mine': a convolution of 2 groups"),
        (nn.BatchNorm2d(6), nn.BatchNorm2d(4), "narrower, from 6 to 4 channels"),
        (operation("skip_connect", 1, 2), operation("skip_connect", 2, 2), "'mine' of stride 2 from 1 channel"),
    ],
    ids=["own parameter", "groups", "narrower", "one channel"],
)
def test_what_cannot_be_widened_is_told(old, new, words):
    with pytest.raises(ConfigError, match=words):
        widen_operation(old, new, one_mapping(), "mine")


@pytest.mark.parametrize("name", ["sep_conv_3x3", "conv_7x1_1x7", "avg_pool_3x3"])
def test_from_a_single_channel(name):
    """A depthwise convolution of one channel has one group, like a dense one."""
    old, new = operation(name, 1, 1).eval(), operation(name, 3, 1).eval()
    widen_operation(old, new, one_mapping())
    x = torch.randn(2, 1, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(new(x.expand(-1, 3, -1, -1)), old(x).expand(-1, 3, -1, -1), rtol=1e-10, atol=1e-10)


def test_another_depth_is_refused():
    with pytest.raises(ConfigError, match=r"found 3 and 4 cells.*continues=true"):
        widen(supernet(6), supernet(4, layers=4))
