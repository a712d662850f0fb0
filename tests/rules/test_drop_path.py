"""Drop path in the supernet: the schedule, what is dropped, and that evaluation drops nothing."""

import pytest
import torch

from darts_pl.errors import ConfigError
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import DropPath
from darts_pl.spaces import CellSpace


def supernet():
    torch.manual_seed(0)
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=("skip_connect", "sep_conv_3x3"))
    return space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)


def test_the_probability_grows_linearly():
    rule, network, found = DropPath(maximum=0.6), supernet(), []
    for progress in (0.0, 0.5, 1.0):
        rule.schedule(network, progress)
        found.extend({choice.drop_path_probability for choice in network.choices()})
        assert found[-1] == rule.figures()["drop_path_probability"]
    assert found == pytest.approx([0.0, 0.3, 0.6])


def test_whole_samples_of_an_operation_are_dropped_and_never_of_an_identity():
    network = supernet()
    DropPath(maximum=0.25).schedule(network, 1.0)
    choice = network.cells[0].edges["2_0"]  # in the normal cell: skip_connect is the identity
    network.cells[0].eval()
    x = torch.randn(2000, 2, 4, 4)
    whole = choice.candidates["sep_conv_3x3"](x)
    choice.training = True  # only the choice: batch statistics stay out of it
    share = choice(x, torch.tensor([0.0, 1.0])) / whole
    by_sample = share.flatten(1)
    assert torch.allclose(by_sample, by_sample[:, :1].expand_as(by_sample), atol=1e-3)
    values = by_sample[:, 0]
    dropped = values.abs() < 1e-6
    torch.testing.assert_close(values[~dropped], torch.full_like(values[~dropped], 1 / 0.75), rtol=1e-3, atol=0)
    assert abs(float(dropped.float().mean()) - 0.25) < 4 * (0.25 * 0.75 / 2000) ** 0.5
    assert torch.equal(choice(x, torch.tensor([1.0, 0.0])), x)
    choice.training = False
    torch.testing.assert_close(choice(x, torch.tensor([0.0, 1.0])), whole)


@pytest.mark.parametrize("maximum", [-0.1, 1.0])
def test_errors_are_named(maximum):
    with pytest.raises(ConfigError, match=rf"drop_path\.maximum={maximum}"):
        DropPath(maximum)
