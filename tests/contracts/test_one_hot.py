"""Contract 3: the supernet with one-hot gates is the derived network with the same weights, in float64."""

import copy
from dataclasses import replace

import pytest
import torch
from inherited import network_with_weights
from small_search import EXTENDED, small_space
from torch import Tensor

from darts_pl.derive import random_genotype
from darts_pl.errors import GenotypeError
from darts_pl.genotype import KNOWN, Genotype
from darts_pl.ops.image import PRIMITIVES
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.spaces import CellSpace

FOUR_NODES = [name for name, genotype in KNOWN.items() if len(genotype.normal.nodes) == 4]


def pair(space: CellSpace, genotype: Genotype, shape, relaxation=None):
    """(supernet, network that carries its weights), both in float64, the stem's and BatchNorm's state not trivial."""
    supernet = space.supernet(shape, 3, relaxation=relaxation or Softmax(), mixing=full).double()
    supernet.train()(torch.rand(4, *shape, dtype=torch.float64))  # statistics other than the initial ones
    return supernet, network_with_weights(space, supernet, genotype, shape, 3)


def logits_and_input_gradient(run, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    logits = run(x)
    return logits.detach(), torch.autograd.grad((logits * torch.arange(1, 4)).square().sum(), x)[0]


def check_equal(space: CellSpace, genotype: Genotype, shape=(3, 8, 8), relaxation=None) -> None:
    supernet, network = pair(space, genotype, shape, relaxation)
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    x = torch.randn(3, *shape, dtype=torch.float64)
    for training in (True, False):
        supernet.train(training), network.train(training)
        ours = logits_and_input_gradient(lambda x: supernet(x, gates), x)
        theirs = logits_and_input_gradient(network, x)
        assert ours[0].abs().max() > 0
        for a, b in zip(ours, theirs):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def drawn(space: CellSpace, seed: int) -> Genotype:
    return random_genotype(space.primitives, space.num_nodes, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", FOUR_NODES)
def test_known_genotypes(name):
    check_equal(small_space(num_nodes=4, init_channels=2), KNOWN[name])


def test_each_relaxation_leaves_given_gates_alone(relaxation):
    space = small_space(num_nodes=2)
    check_equal(space, drawn(space, 0), relaxation=relaxation)


@pytest.mark.parametrize("num_nodes", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 7, 7), (3, 15, 9)], ids=["7x7", "15x9"])
def test_random_genotypes_on_odd_sizes_and_channels(num_nodes, shape):
    space = small_space(num_nodes=num_nodes, init_channels=2 * num_nodes - 1)
    check_equal(space, drawn(space, num_nodes), shape)


@pytest.mark.parametrize("primitives", [("skip_connect",), ("sep_conv_3x3", "none", "max_pool_3x3"), EXTENDED[3:]])
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_subsets_extensions_and_both_stems(primitives, stem):
    space = small_space(num_nodes=2, primitives=primitives, stem=stem, layers=4)
    check_equal(space, drawn(space, 5), (3, 17, 20))


def test_gates_sum_to_the_number_of_kept_edges():
    space = small_space(num_nodes=4)
    gates = space.one_hot_gates(KNOWN["DARTS_V2"])
    assert {kind: float(gate.sum()) for kind, gate in gates.items()} == {"normal": 8.0, "reduce": 8.0}
    row = gates["normal"][space.edges.index("5<-2")]
    assert row.argmax() == PRIMITIVES.index("dil_conv_3x3")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_nodes": 3}, "normal: found a cell of 4 nodes, expected a cell of 3 nodes"),
        ({"primitives": PRIMITIVES[:4]}, "'sep_conv_3x3' is not in this space"),
    ],
)
def test_a_genotype_of_another_space_is_refused(change, words):
    with pytest.raises(GenotypeError, match=words):
        small_space(**{"num_nodes": 4, **change}).one_hot_gates(KNOWN["DARTS_V2"])


def test_a_cell_that_leaves_out_states_is_refused():
    """The supernet's cells concatenate all nodes; a genotype that does not is another network."""
    genotype = KNOWN["DARTS_V2"]
    partial = replace(genotype, reduce=replace(genotype.reduce, concat=(3, 4, 5)))
    with pytest.raises(GenotypeError, match=r"reduce: concatenates the states \[3, 4, 5\]"):
        small_space(num_nodes=4).one_hot_gates(partial)


def test_inherited_weights_are_copies():
    space = small_space()
    genotype = drawn(space, 1)
    supernet, network = pair(space, genotype, (1, 8, 8))
    before = copy.deepcopy(supernet.state_dict())
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    assert all(torch.equal(value, before[name]) for name, value in supernet.state_dict().items())
