"""Relaxations with the mixings that fit them: gradients, movement, one-hot gates as the derived network."""

import pytest
import torch
import torch.nn.functional as F
from conftest import RELAXATIONS, TRAINED
from hydra.utils import get_class
from inherited import network_with_weights
from omegaconf import OmegaConf
from small_search import ONE_OF_EACH_KIND, fit, search_module, small_space, snapshot

from darts_pl.derive import random_genotype
from darts_pl.paths import conf_dir
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import PartialChannels, SinglePath

PARTIAL = {
    "partial": PartialChannels(2),
    "partial_without_edges": PartialChannels(2, edge_normalization=False),
}
ONE_PATH = {
    "single_path": SinglePath(),
    "partial_single_path": PartialChannels(2, inner=SinglePath()),
}
MIXINGS = {**PARTIAL, **ONE_PATH}
PAIRS = [
    (relaxation, mixing)
    for relaxation in RELAXATIONS
    for mixing in MIXINGS
    if mixing in PARTIAL or RELAXATIONS[relaxation]().one_hot
]


def supernet_of(relaxation: str, mixing: str, **settings):
    space = small_space(**{"init_channels": 4, "num_nodes": 2, "primitives": ONE_OF_EACH_KIND[1:], **settings})
    return space.supernet((1, 8, 8), 2, relaxation=RELAXATIONS[relaxation](), mixing=MIXINGS[mixing])


def test_every_relaxation_of_the_configuration_has_a_row():
    made = {type(make()) for make in RELAXATIONS.values()}
    for path in (conf_dir() / "relaxation").glob("*.yaml"):
        assert get_class(OmegaConf.load(path)["_target_"]) in made, path.name


def test_the_grid_is_not_empty():
    assert len(PAIRS) == 2 * len(RELAXATIONS) + 2 * 2 and ("gumbel_hard", "partial_single_path") in PAIRS


@pytest.mark.parametrize(("relaxation", "mixing"), [pair for pair in PAIRS if pair[0] in TRAINED])
def test_architecture_parameters_get_gradients_and_move(relaxation, mixing):
    supernet = supernet_of(relaxation, mixing).train()
    x, y = torch.randn(8, 1, 8, 8), torch.arange(8) % 2
    total = [torch.zeros_like(p) for p in supernet.arch_parameters()]
    for seed in range(8):
        torch.manual_seed(seed)
        grads = torch.autograd.grad(F.cross_entropy(supernet(x), y), supernet.arch_parameters())
        total = [sums + grad.abs() for sums, grad in zip(total, grads)]
    assert all(torch.isfinite(sums).all() and (sums > 0).all() for sums in total)
    start = snapshot(supernet.arch_parameters())
    fit(search_module(supernet, epochs=2))
    assert all(((a - b).abs() > 1e-6).all() for a, b in zip(start, supernet.arch_parameters()))


@pytest.mark.parametrize("mixing", MIXINGS)
def test_random_search_trains_weights_with_any_mixing(mixing):
    """A weight that was on no path has no gradient, hence no step: four steps leave some of one-path weights still."""
    supernet = supernet_of("uniform", mixing)
    start = snapshot(supernet.weight_parameters())
    fit(search_module(supernet, epochs=2))
    moved = [not torch.equal(a, b) for a, b in zip(start, supernet.weight_parameters(), strict=True)]
    assert all(moved) is (mixing in PARTIAL) and sum(moved) > len(moved) / 2


def partly(choice, operation: str, x: torch.Tensor, divisor: int) -> torch.Tensor:
    """One operation on the first of `divisor` parts of the channels, the other parts by, all interleaved."""
    parts = list(x.split(x.shape[1] // divisor, dim=1))
    parts[0] = choice.candidates[operation](parts[0])
    if parts[0].shape[-1] != x.shape[-1]:
        parts[1:] = [F.max_pool2d(F.pad(p, (0, p.shape[3] % 2, 0, p.shape[2] % 2), value=-1e9), 2) for p in parts[1:]]
    return torch.stack(parts, dim=-1).movedim(-1, 2).reshape(x.shape[0], x.shape[1], *parts[0].shape[2:])


def derived_by_hand(supernet, genotype, x: torch.Tensor, divisor: int) -> torch.Tensor:
    """The network of `genotype` alone, its operations within the same partial treatment."""
    before_last, last = supernet.stem(x)
    for cell in supernet.cells:
        states = [cell.preprocess0(before_last), cell.preprocess1(last)]
        for node in genotype.cells[cell.kind].nodes:
            edges = [(cell.edges[f"{len(states)}_{edge.source}"], edge) for edge in node]
            states.append(sum(partly(choice, edge.op, states[edge.source], divisor) for choice, edge in edges))
        before_last, last = last, torch.cat(states[2:], dim=1)
    return supernet.head(last.mean(dim=(2, 3)))


@pytest.mark.parametrize("mixing", [name for name in MIXINGS if "partial" in name])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 9, 7)], ids=["even", "odd"])
def test_one_hot_gates_are_the_derived_network_under_partial_channels(mixing, shape):
    space = small_space(init_channels=4, num_nodes=3)
    supernet = space.supernet(shape, 3, relaxation=Softmax(), mixing=MIXINGS[mixing]).double().train()
    supernet(torch.rand(4, *shape, dtype=torch.float64))  # statistics other than the initial ones
    genotype = random_genotype(space.primitives, space.num_nodes, torch.Generator().manual_seed(2))
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    x = torch.randn(3, *shape, dtype=torch.float64)
    for training in (True, False):
        supernet.train(training)
        found = supernet.forward_as_derived(x, gates)
        expected = derived_by_hand(supernet, genotype, x, divisor=2)
        assert found.abs().max() > 0
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    if supernet.betas:
        assert (supernet(x, gates) - expected).abs().max() > 1e-6  # in the search, edges are weighed


def test_one_hot_gates_are_the_derived_network_under_a_single_path():
    space = small_space(num_nodes=3)
    supernet = space.supernet((3, 8, 8), 3, relaxation=Softmax(), mixing=SinglePath()).double().train()
    supernet(torch.rand(4, 3, 8, 8, dtype=torch.float64))
    genotype = random_genotype(space.primitives, space.num_nodes, torch.Generator().manual_seed(3))
    network = network_with_weights(space, supernet, genotype, (3, 8, 8), 3)
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    for training in (True, False):
        supernet.train(training), network.train(training)
        torch.testing.assert_close(supernet.forward_as_derived(x, gates), network(x), rtol=1e-10, atol=1e-10)
