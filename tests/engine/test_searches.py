"""Searches by every engine: the same alphas, the same genotype, derivatives of both orders."""

import pytest
import torch
import torch.nn.functional as F
from engine_cases import Case, images, supernet
from sklearn.datasets import load_digits

from darts_pl.engine.choosing import running_by
from darts_pl.errors import ConfigError
from darts_pl.hypergradient import Bilevel, VirtualStep, exact, finite_difference, first
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace

CASE = Case(num_nodes=2, batch=4)


@pytest.mark.parametrize("order", [first, finite_difference, exact])
def test_hypergradients(order):
    found = {}
    for engine in ("plain", "fast", "native", "auto"):
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
    for engine in ("fast", "native", "auto"):
        assert (found[engine] - found["plain"]).abs().max() < 1e-10 * found["plain"].abs().max()
    assert found["plain"].abs().max() > 1e-4


def test_an_engine_is_known_or_refused():
    network = supernet(CASE)
    with pytest.raises(ConfigError, match=r"engine='fats' does not exist.*fast"), running_by(network, "fats"):
        pass
    with running_by(network, "fast"):
        assert all(cell.engine is not None for cell in network.cells)
    assert all(cell.engine is None for cell in network.cells)


def searched(engine, order):
    """The alphas after 20 search steps in float64 on handwritten digits, and the genotype of them."""
    digits = load_digits()
    x = torch.as_tensor(digits.images[:, None] / 16).repeat(1, 3, 1, 1).contiguous(memory_format=torch.channels_last)
    labels = torch.as_tensor(digits.target)
    torch.manual_seed(0)
    space = CellSpace(init_channels=4, layers=3, num_nodes=2)
    network = space.supernet((3, 8, 8), 10, relaxation=Softmax(), mixing=full).double()
    network = network.to(memory_format=torch.channels_last)
    weights, alphas = network.weight_parameters(), network.arch_parameters()
    sgd = torch.optim.SGD(weights, 0.05, momentum=0.9, weight_decay=3e-4)
    adam = torch.optim.Adam(alphas, 0.03, betas=(0.5, 0.999))
    places = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    with running_by(network, engine):
        for step in range(20):
            train, valid = places[32 * step :][:32].split(16)
            velocities = [sgd.state[weight].get("momentum_buffer") for weight in weights]
            problem = Bilevel(
                lambda train=train: F.cross_entropy(network(x[train]), labels[train]),
                lambda valid=valid: F.cross_entropy(network(x[valid]), labels[valid]),
                weights,
                alphas,
                [*network.buffers()],
                VirtualStep(0.05, 0.9, 3e-4, velocities),
            )
            for alpha, gradient in zip(alphas, order(problem)):
                alpha.grad = gradient
            adam.step()
            sgd.zero_grad()
            problem.train_loss().backward()
            sgd.step()
    genotype = space.derive(network.strengths())
    return torch.cat([alpha.detach().flatten() for alpha in alphas]), genotype


@pytest.mark.parametrize("order", [first, pytest.param(finite_difference, marks=pytest.mark.slow)])
def test_they_search_alike(order):
    (alphas, genotype), *others = [searched(engine, order) for engine in ("plain", "fast", "auto")]
    for other, found in others:
        assert (other - alphas).abs().max() < 1e-8
        assert found == genotype
    assert alphas.abs().max() > 0.2  # they have moved
