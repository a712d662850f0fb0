"""Drop path in the supernet: the schedule, what is dropped, and that evaluation drops nothing."""

import pytest
import torch
import torch.nn as nn

from darts_pl.errors import ConfigError
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import DropPath
from darts_pl.spaces import CellSpace, ModuleSpace
from darts_pl.spaces.module import Choice


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


def test_an_edge_is_dropped_as_a_whole_with_its_skip_connection():
    """Whatever an edge mixes, its samples are either nothing or all of it over 1 - probability."""
    network = supernet()
    DropPath(maximum=0.25).schedule(network, 1.0)
    choice = network.cells[0].edges["2_0"]  # in the normal cell: skip_connect is the identity
    network.cells[0].eval()
    x = torch.randn(2000, 2, 4, 4)
    shares = []
    for gate in (torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])):
        choice.training = False
        whole = choice(x, gate)
        choice.training = True  # only the choice: batch statistics stay out of it
        found = choice(x, gate)
        kept = found.flatten(1).any(dim=1)
        torch.testing.assert_close(found[kept], whole[kept] / 0.75, rtol=1e-6, atol=1e-7)
        shares.append(1 - float(kept.float().mean()))
    assert shares == pytest.approx([0.25] * 3, abs=4 * (0.25 * 0.75 / 2000) ** 0.5)


def test_a_node_is_the_sum_of_the_edges_that_are_left():
    """The released cell's sum, Σ mask · MixedOp(x) / keep over the edges of a node, computed from the same draws."""
    network = supernet().double()
    DropPath(maximum=0.5).schedule(network, 1.0)
    cell = network.cells[0].train()
    gates = torch.softmax(torch.randn(2, 2, dtype=torch.float64), dim=1)
    states = [torch.randn(64, 2, 4, 4, dtype=torch.float64) for _ in range(2)]
    torch.manual_seed(3)
    masks = [torch.empty(64, 1, 1, 1, dtype=torch.float64).bernoulli_(0.5) for _ in states]
    expected = sum(
        mask / 0.5 * sum(g * op(x) for g, op in zip(row, edge.candidates.values()))
        for mask, x, row, edge in zip(masks, states, gates, cell.edges.values())
    )
    cell.preprocess0 = cell.preprocess1 = nn.Identity()
    cell.take(gates, None, without_auxiliary=False)
    torch.manual_seed(3)
    found = cell(*states)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert bool((expected.flatten(1) == 0).all(dim=1).any())  # where both edges were dropped


def test_choices_without_a_way_past_them_are_not_dropped():
    space = ModuleSpace(lambda: nn.Sequential(Choice([nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 2), nn.ReLU())])))
    space.prepare((3,), 2)
    network = space.supernet((3,), 2, relaxation=Softmax(), mixing=full)
    with pytest.raises(ConfigError, match="drops edges of cells: found none"):
        DropPath().schedule(network, 1.0)


@pytest.mark.parametrize("maximum", [-0.1, 1.0])
def test_errors_are_named(maximum):
    with pytest.raises(ConfigError, match=rf"drop_path\.maximum={maximum}"):
        DropPath(maximum)
