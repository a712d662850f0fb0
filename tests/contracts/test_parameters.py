"""Contract 1: every parameter is an alpha or a weight, and is in exactly one optimiser."""

import copy

import torch
from small_search import fit, search_module, small_supernet

from darts_pl.relaxations import Relaxation


def identities(tensors) -> list[int]:
    return sorted(map(id, tensors))


def test_parameters_are_split_into_alphas_and_weights(relaxation):
    supernet = small_supernet(relaxation, num_nodes=2)
    alphas, weights = supernet.arch_parameters(), supernet.weight_parameters()
    assert identities([*alphas, *weights]) == identities(supernet.parameters())
    assert len(set(identities([*alphas, *weights]))) == len(alphas) + len(weights)
    assert [tuple(alpha.shape) for alpha in alphas] == [(5, 5), (5, 5)]


def test_each_parameter_is_in_exactly_one_optimiser_of_a_real_fit(relaxation):
    module = search_module(small_supernet(relaxation), epochs=1)
    trainer = fit(module)
    weights, alphas = ([p for group in o.param_groups for p in group["params"]] for o in trainer.optimizers)
    assert isinstance(trainer.optimizers[0], torch.optim.SGD) and isinstance(trainer.optimizers[1], torch.optim.Adam)
    assert identities(weights) == identities(module.supernet.weight_parameters())
    assert identities(alphas) == identities(module.supernet.arch_parameters())
    assert identities([*weights, *alphas]) == identities(module.parameters())  # nothing trains outside the two


def test_optimiser_state_belongs_to_the_live_parameters(relaxation):
    """ForeBlocks rebuilt its edges after the optimisers existed: then no live parameter had any state."""
    module = search_module(small_supernet(relaxation), epochs=1)
    trainer = fit(module)
    for optimizer in trainer.optimizers:
        assert identities(optimizer.state) == identities(p for group in optimizer.param_groups for p in group["params"])


def test_alphas_and_buffers_travel_in_the_state_dict(relaxation: Relaxation):
    source = small_supernet(relaxation)
    source.relaxation.anneal(1.0)
    source.train()(torch.randn(8, 1, 8, 8))  # moves the statistics of batch normalisation
    target = small_supernet(copy.deepcopy(relaxation))
    target.relaxation.anneal(0.0)
    state = {name: value.clone() for name, value in source.state_dict().items()}
    assert {"alphas.normal", "alphas.reduce"} <= set(state)
    target.load_state_dict(state)
    assert all(torch.equal(value, state[name]) for name, value in target.state_dict().items())
    x = torch.randn(4, 1, 8, 8)
    torch.manual_seed(3)
    expected = source.train()(x)
    torch.manual_seed(3)
    assert torch.equal(target.train()(x), expected)  # also a relaxation's temperature came along
