"""The contracts of DESIGN section 5 on networks with choices in places that nobody thought of."""

import pytest
import torch
import torch.nn as nn
from generated import OUTPUTS, WIDTH, descriptions, has_choice, leaves_inputs_out, space_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inherited import network_with_weights

import darts_pl
from darts_pl.genotype import ModuleGenotype, from_json
from darts_pl.inputs import TensorInput
from darts_pl.relaxations import Dirichlet, Gumbel, Sigmoid, Softmax
from darts_pl.relaxations.mixing import SinglePath, full
from darts_pl.spaces.choice import ChoiceModule

SHAPE = TensorInput((WIDTH,))
DRAWN = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
NETWORKS = descriptions().filter(has_choice)


def supernet_of(space, relaxation=None, mixing=full):
    torch.manual_seed(0)
    supernet = space.supernet(SHAPE, OUTPUTS, relaxation=relaxation or Softmax(), mixing=mixing).double()
    with torch.no_grad():
        for alpha in supernet.arch_parameters():
            alpha.normal_()
    return supernet


@DRAWN
@given(described=NETWORKS)
def test_each_parameter_is_of_one_level_and_each_alpha_gets_a_gradient(described):
    supernet = supernet_of(space_of(described))
    weights, alphas = supernet.weight_parameters(), supernet.arch_parameters()
    assert {*map(id, weights)} | {*map(id, alphas)} == {*map(id, supernet.parameters())}
    assert len({*map(id, weights)} & {*map(id, alphas)}) == 0
    assert {f"alphas.{kind}" for kind in supernet.kinds} <= set(supernet.state_dict())
    y = supernet(torch.randn(9, WIDTH, dtype=torch.float64))
    gradients = torch.autograd.grad((y * torch.randn_like(y)).sum(), [*alphas, *weights])
    for kind, gradient in zip(supernet.kinds, gradients):
        assert bool((gradient.abs() > 1e-14).all()), (kind, gradient)


@DRAWN
@given(described=NETWORKS, seed=st.integers(0, 99))
def test_one_hot_gates_are_the_derived_network_and_its_genotype_is_kept_by_json(described, seed):
    space = space_of(described)
    supernet = supernet_of(space)
    genotype = space.random_genotype(torch.Generator().manual_seed(seed))
    assert from_json(genotype.to_json()) == genotype
    network = network_with_weights(space, supernet, genotype)
    assert not [part for part in network.modules() if isinstance(part, ChoiceModule)]
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    x = torch.randn(7, WIDTH, dtype=torch.float64)
    for training in (True, False):
        supernet.train(training), network.train(training)
        torch.testing.assert_close(supernet.forward_as_derived(x, gates), network(x), rtol=1e-10, atol=1e-10)


@DRAWN
@given(described=NETWORKS, seed=st.integers(0, 99))
def test_strengths_of_a_genotype_derive_it(described, seed):
    space = space_of(described)
    space.prepare(SHAPE, OUTPUTS)
    genotype = space.random_genotype(torch.Generator().manual_seed(seed))
    derived = space.derive(space.one_hot_gates(genotype))
    assert derived.choices == genotype.choices
    for label, cell in genotype.cells.items():
        nodes = [{(edge.op, edge.source) for edge in node} for node in cell.nodes]
        assert [{(edge.op, edge.source) for edge in node} for node in derived.cells[label].nodes] == nodes


@DRAWN
@given(described=NETWORKS.filter(lambda described: not leaves_inputs_out(described)))
def test_every_weight_of_a_derived_network_was_chosen_and_learns(described):
    space = space_of(described)
    space.prepare(SHAPE, OUTPUTS)
    genotype = space.random_genotype(torch.Generator().manual_seed(3))
    network = space.network(genotype).double()
    y = network(torch.randn(9, WIDTH, dtype=torch.float64))
    parameters = list(network.parameters())
    gradients = torch.autograd.grad((y * torch.randn_like(y)).sum(), parameters)  # raises where one has no part in y
    assert len(gradients) == len(parameters)


@pytest.mark.parametrize(
    ("relaxation", "mixing"),
    [(Softmax(), full), (Sigmoid(), full), (Dirichlet(), full), (Gumbel(), full), (Gumbel(hard=True), SinglePath())],
    ids=["softmax", "sigmoid", "dirichlet", "snas", "gdas"],
)
@settings(DRAWN, max_examples=6)
@given(described=NETWORKS)
def test_relaxations_and_mixings_run_and_train(relaxation, mixing, described):
    supernet = supernet_of(space_of(described), relaxation, mixing).train()
    y = supernet(torch.randn(9, WIDTH, dtype=torch.float64))
    gradients = torch.autograd.grad(y.square().sum(), supernet.arch_parameters(), allow_unused=True)
    assert any(gradient is not None and float(gradient.abs().max()) > 0 for gradient in gradients)


class Labelled(nn.Module):
    """A choice with a label, then one without."""

    def __init__(self, label: str | None):
        super().__init__()
        candidates = {"linear": lambda: nn.Linear(WIDTH, WIDTH), "same": nn.Identity}
        self.choice, self.own = darts_pl.Choice(candidates, label), darts_pl.Choice(candidates)

    def forward(self, x):
        return self.own(self.choice(x))


SAME, OTHER, NO, ONE = ("x", "x"), ("x", "y"), (None, None), (None, "x")


@pytest.mark.parametrize(("labels", "expected"), [(SAME, 3), (OTHER, 4), (NO, 4), (ONE, 4)])
def test_choices_of_one_label_share_alphas_and_others_do_not(labels, expected):
    space = darts_pl.ModuleSpace(lambda: nn.Sequential(*map(Labelled, labels), nn.Linear(WIDTH, OUTPUTS)))
    supernet = supernet_of(space)
    assert len(supernet.arch_parameters()) == len(space.choices) == expected
    if labels != ("x", "x"):
        return
    network = space.network(ModuleGenotype({"x": "same", "0/own": "linear", "1/own": "same"}))
    assert isinstance(network[0].choice, nn.Identity) and isinstance(network[1].choice, nn.Identity)
    assert isinstance(network[0].own, nn.Linear) and isinstance(network[1].own, nn.Identity)
    y = supernet(torch.randn(9, WIDTH, dtype=torch.float64)).square().sum()
    (together,) = torch.autograd.grad(y, [supernet.alphas["x"]])
    assert together.shape == (1, 2) and float(together.abs().min()) > 0
