"""Searches by every engine: the same alphas, the same genotype, derivatives of both orders."""

import pytest
import torch
import torch.nn.functional as F
from engine_cases import Case, images, supernet

from darts_pl.engine.choosing import running_by
from darts_pl.errors import ConfigError
from darts_pl.hypergradient import Bilevel, VirtualStep, exact, finite_difference, first

CASE = Case(num_nodes=2, batch=4)


@pytest.mark.parametrize("order", [first, finite_difference, exact])
def test_hypergradients(order):
    found = {}
    for engine in ("plain", "fast", "auto"):
        network = supernet(CASE)
        x, labels = images(CASE), torch.arange(4) % 4

        def loss(network=network, x=x, labels=labels):
            return F.cross_entropy(network(x), labels)

        step = VirtualStep(0.1, 0.9, 3e-4)
        problem = Bilevel(
            loss, loss, network.weight_parameters(), network.arch_parameters(), [*network.buffers()], step
        )
        with running_by(network, engine):
            found[engine] = torch.cat([gradient.flatten() for gradient in order(problem)])
    for engine in ("fast", "auto"):
        assert (found[engine] - found["plain"]).abs().max() < 1e-10 * found["plain"].abs().max()
    assert found["plain"].abs().max() > 1e-4


def test_an_engine_is_known_or_refused():
    network = supernet(CASE)
    with pytest.raises(ConfigError, match=r"engine='fats' does not exist.*fast"), running_by(network, "fats"):
        pass
    with running_by(network, "fast"):
        assert all(cell.engine is not None for cell in network.cells)
    assert all(cell.engine is None for cell in network.cells)
