"""β-DARTS: the penalty against scipy, on kinds of different size and with candidates left out."""

import numpy as np
import pytest
import scipy.special
import torch

from darts_pl.errors import ConfigError
from darts_pl.relaxations import Softmax
from darts_pl.rules import BetaDecay, Combination
from darts_pl.spaces.base import Supernet
from darts_pl.spaces.options import EdgeOptions


@pytest.fixture
def network() -> Supernet:
    """Two kinds with 5 and 2 edges over 4 candidates, in float64, one candidate left out on two edges."""
    torch.manual_seed(0)
    edges, names = ((2, 0), (2, 1), (3, 0), (3, 1), (3, 2)), tuple("abcd")
    options = {"one": EdgeOptions(names, edges), "two": EdgeOptions(names, edges[:2])}
    network = Supernet(options, Softmax(), edge_normalization=True).double()
    with torch.no_grad():
        for parameter in network.arch_parameters():
            parameter.normal_(std=3)
    network.kept_one[1, 2] = network.kept_two[0, 0] = False
    return network


def rows(network: Supernet) -> list[np.ndarray]:
    """The logits that count, an array for each edge."""
    return [
        alpha[mask].detach().numpy()
        for kind in network.kinds
        for alpha, mask in zip(network.alphas[kind], network.kept(kind))
    ]


def test_the_term_is_the_mean_over_all_edges_of_all_kinds(network):
    rule = BetaDecay(weight=8.0)
    rule.schedule(network, 0.25)
    expected = 2.0 * np.mean([scipy.special.logsumexp(row) for row in rows(network)])
    assert rule.penalty(network).item() == pytest.approx(expected, rel=1e-14)


def test_its_gradient_is_the_gate_by_the_number_of_edges(network):
    rule = BetaDecay(weight=8.0)
    rule.schedule(network, 1.0)
    grads = torch.autograd.grad(rule.penalty(network), list(network.alphas.values()))
    found = [g[mask].numpy() for kind, grad in zip(network.kinds, grads) for g, mask in zip(grad, network.kept(kind))]
    for one, row in zip(found, rows(network), strict=True):
        np.testing.assert_allclose(one, 8.0 / 7 * scipy.special.softmax(row), rtol=1e-13)
    assert all(not grad[~network.kept(kind)].any() for kind, grad in zip(network.kinds, grads))


def test_the_weight_grows_linearly_from_nothing(network):
    rule, weights = BetaDecay(), []
    for progress in (0.0, 0.5, 1.0):
        rule.schedule(network, progress)
        weights.append(rule.figures()["beta_decay_weight"])
        assert (rule.penalty(network) is None) == (progress == 0)
    assert weights == [0.0, 25.0, 50.0]


def test_errors_are_named():
    with pytest.raises(ConfigError, match=r"beta_decay\.weight=-1"):
        BetaDecay(-1)
    with pytest.raises(ConfigError, match="never trains them"):
        BetaDecay().check(Combination(Softmax(), None, False, alphas_trained=False))
    BetaDecay().check(Combination(Softmax(), None, True))
