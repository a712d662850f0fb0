"""The contracts of every space, for this one: parameters, candidates, steps, one-hot equality, a planted problem."""

import functools
import itertools

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from inherited import network_with_weights
from small_search import ADAM, SGD, fit, same, search_module, snapshot, two_classes
from torch.utils.data import Subset

from darts_pl.callbacks import SearchHistory
from darts_pl.hypergradient import exact, finite_difference, first
from darts_pl.relaxations import Gumbel, Softmax
from darts_pl.relaxations.mixing import PartialChannels, SinglePath, full
from darts_pl.spaces import Nasbench201Space

NAMES = Nasbench201Space().primitives


def tiny_space(**settings) -> Nasbench201Space:
    """One cell a stage, two channels."""
    return Nasbench201Space(**{"init_channels": 2, "layers": 1, **settings})


def tiny_supernet(relaxation, mixing=full, **settings):
    """Its supernet for images (1, 8, 8) of two classes. Gates that do not share one unit of weight give `none`, times
    zeros, no gradient: FairDARTS leaves it out, and so do they here."""
    names = NAMES if relaxation.simplex else NAMES[1:]
    space = tiny_space(primitives=names, **settings)
    return space.supernet((1, 8, 8), 2, relaxation=relaxation, mixing=mixing)


def identities(tensors) -> list[int]:
    return sorted(map(id, tensors))


def test_each_parameter_is_in_exactly_one_optimiser_of_a_real_fit(relaxation):
    module = search_module(tiny_supernet(relaxation), epochs=1)
    trainer = fit(module)
    weights, alphas = ([p for group in o.param_groups for p in group["params"]] for o in trainer.optimizers)
    assert identities(weights) == identities(module.supernet.weight_parameters())
    assert identities(alphas) == identities(module.supernet.arch_parameters())
    assert identities([*weights, *alphas]) == identities(module.parameters())
    assert "alphas.cell" in module.supernet.state_dict()


def test_each_candidates_weights_change_the_output():
    """At softmax gates every candidate takes part; 18 edges with two convolutions each."""
    supernet = tiny_supernet(Softmax()).double().train()
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    before, checked = supernet(x).detach(), 0
    for choice in supernet.choices():
        for candidate in choice.candidates.values():
            for weight in candidate.parameters():
                kept = weight.detach().clone()
                with torch.no_grad():
                    weight.add_(torch.randn_like(weight))
                assert (supernet(x) - before).abs().max() > 1e-9
                with torch.no_grad():
                    weight.copy_(kept)
                checked += 1
    assert checked == 3 * 6 * 2


def test_each_alpha_and_each_cell_gets_a_gradient(relaxation):
    supernet = tiny_supernet(relaxation, layers=2).train()
    x, y = torch.randn(8, 1, 8, 8), torch.arange(8) % 2
    total = torch.zeros_like(supernet.alphas["cell"])
    for seed in range(8):
        torch.manual_seed(seed)
        total += torch.autograd.grad(F.cross_entropy(supernet(x), y), supernet.arch_parameters())[0].abs()
    assert (total > 0).all()
    for index, cell in enumerate(supernet.cells):
        with torch.no_grad():
            before = supernet.eval()(x)
            gates = [gate.clone() for gate in [supernet.expected_gates()["cell"]] * len(supernet.cells)]
            gates[index] = torch.zeros_like(gates[index])
            assert not torch.allclose(supernet(x, gates), before), cell


def test_alphas_and_weights_alternate(relaxation):
    moved = []

    class Watch(torch.optim.SGD):
        def step(self, closure=None):
            value = super().step(closure)
            moved.append(snapshot([*module.supernet.arch_parameters(), *module.supernet.weight_parameters()]))
            return value

    module = search_module(
        tiny_supernet(relaxation),
        weights_optimizer=functools.partial(Watch, lr=0.05, momentum=0.9, weight_decay=3e-4),
        epochs=3,
        alpha_warmup_epochs=1,
    )
    start = snapshot(module.supernet.arch_parameters())
    fit(module)
    alphas = [state[:1] for state in moved]
    assert same(alphas[0], start) and same(alphas[1], start)  # two steps of warm-up
    assert all(not same(a, b) for a, b in itertools.pairwise(alphas[1:]))
    assert all(not same(a[1:], b[1:]) for a, b in itertools.pairwise(moved))
    assert (module.steps_done, module.alpha_updates) == (6, 4)


@pytest.mark.parametrize("method", [first, finite_difference, exact], ids=lambda method: method.__name__)
def test_the_alpha_step_leaves_weights_and_buffers_bit_for_bit(method):
    seen = []

    @functools.wraps(method)
    def watched(problem, **options):
        parts = [*problem.weights, *problem.alphas, *problem.buffers]
        before = snapshot(parts)
        grads = method(problem, **options)
        seen.append((same(before, parts), all(torch.isfinite(g).all() and g.abs().sum() > 0 for g in grads)))
        return grads

    fit(search_module(tiny_supernet(Softmax()), watched, epochs=1))
    assert seen == [(True, True)] * 2


def pair(space: Nasbench201Space, genotype, shape, **parts):
    """(supernet, network that carries its weights), in float64, with statistics other than the initial ones."""
    supernet = space.supernet(shape, 3, **parts).double()
    supernet.train()(torch.rand(4, *shape, dtype=torch.float64))
    return supernet, network_with_weights(space, supernet, genotype, shape, 3)


def check_equal(space: Nasbench201Space, genotype, shape, **parts) -> None:
    supernet, network = pair(space, genotype, shape, **parts)
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    for training in (True, False):
        supernet.train(training), network.train(training)
        x = torch.randn(3, *shape, dtype=torch.float64, requires_grad=True)
        ours, theirs = supernet.forward_as_derived(x, gates), network(x)
        assert ours.abs().max() > 0
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        losses = [(y * torch.arange(1, 4)).square().sum() for y in (ours, theirs)]
        slopes = [torch.autograd.grad(loss, x, allow_unused=True, materialize_grads=True)[0] for loss in losses]
        torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("digits", ["111111", "000000", "334131", "421211", "333333", "402134"])
def test_one_hot_gates_give_the_derived_network(digits):
    space = tiny_space(layers=2)
    genotype = space.derive({"cell": F.one_hot(torch.tensor([int(d) for d in digits]), 5)})
    assert genotype.digits == digits
    check_equal(space, genotype, (3, 8, 8), relaxation=Softmax(), mixing=full)


def test_one_hot_gates_with_every_relaxation_on_odd_sizes(relaxation):
    space = tiny_space(init_channels=3)
    genotype = space.random_genotype(torch.Generator().manual_seed(4))
    check_equal(space, genotype, (1, 9, 7), relaxation=relaxation, mixing=full)


def test_one_hot_gates_leave_edge_weights_and_auxiliary_skips_out():
    space, genotype = tiny_space(), tiny_space().random_genotype(torch.Generator().manual_seed(6))
    mixing = PartialChannels(channel_divisor=1, edge_normalization=True)
    supernet = space.supernet((3, 8, 8), 3, relaxation=Softmax(), mixing=mixing, auxiliary_skip=True).double()
    for choice in supernet.choices():
        choice.auxiliary_weight = 1.0
    network = network_with_weights(space, supernet, genotype, (3, 8, 8), 3)
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(supernet.forward_as_derived(x, gates), network(x), rtol=1e-10, atol=1e-10)
    assert not torch.allclose(supernet(x, gates), network(x))


def test_edge_weights_are_shares_of_each_nodes_edges():
    supernet = tiny_supernet(Softmax(), PartialChannels(channel_divisor=2))
    with torch.no_grad():
        supernet.betas["cell"].copy_(torch.tensor([3.0, 0.0, 1.0, 0.0, 1.0, 2.0]))
    e = torch.e
    node2, node3 = 1 + e, 1 + e + e**2
    expected = torch.tensor([1.0, 1 / node2, e / node2, 1 / node3, e / node3, e**2 / node3])
    torch.testing.assert_close(supernet.edge_weights()["cell"], expected)
    supernet(torch.randn(4, 1, 8, 8)).sum().backward()
    assert (supernet.betas["cell"].grad[1:] != 0).all()


@pytest.mark.parametrize("mixing", [SinglePath(), PartialChannels(2, False), PartialChannels(2, True, SinglePath())])
def test_other_mixings_search(mixing):
    supernet = tiny_supernet(Gumbel(hard=True), mixing)
    before = snapshot(supernet.arch_parameters())
    fit(search_module(supernet, epochs=2))
    assert all(not torch.equal(a, b) for a, b in zip(before, supernet.arch_parameters()))


def test_candidates_that_are_not_kept_are_gone():
    supernet = tiny_supernet(Softmax())
    mask = torch.ones(6, 5, dtype=torch.bool)
    mask[:, 3], mask[0, 4] = False, False
    supernet.keep({"cell": mask})
    assert supernet.gates()["cell"][~mask].abs().max() == 0
    assert not any("nor_conv_3x3" in name for name, _ in supernet.cells.named_parameters())
    assert supernet(torch.randn(2, 1, 8, 8)).isfinite().all()


class Exchanged(nn.Module):
    """Each image at the next sample's place, worthless for the label. At a quarter of its scale: up to nine edges lie
    on a way through three cells, and at full scale an image's own share of what comes out would begin at 3 %."""

    def forward(self, x):
        return 0.25 * x.roll(1, dims=0)


OPERATIONS = {
    "faithful": lambda channels, stride, affine: nn.Sequential(nn.Identity()),
    "exchanged": lambda channels, stride, affine: Exchanged(),
}
PLANTED = ("none", "exchanged", "faithful")


def halves(n: int = 96):
    """Labels in random order, so that an exchanged image says nothing about the label at its place."""
    orders = (torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist() for seed in (3, 4))
    pair = (two_classes(n, seed=seed, shape=(1, 6, 6), deviation=1.5) for seed in (1, 2))
    return [Subset(half, order) for half, order in zip(pair, orders)]


def search_planted(relaxation, hypergradient, epochs: int = 4):
    space = Nasbench201Space(init_channels=4, layers=1, primitives=PLANTED, operations=OPERATIONS)
    supernet = space.supernet((1, 6, 6), 2, relaxation=relaxation, mixing=full)
    history = SearchHistory(None, space.derive, list(space.primitives), space.edges)
    module = search_module(
        supernet,
        hypergradient,
        weights_optimizer=functools.partial(SGD, lr=0.05),
        alphas_optimizer=functools.partial(ADAM, lr=0.1, weight_decay=0.0),
        epochs=epochs,
        alpha_warmup_epochs=1,
    )
    fit(module, data=halves(), callbacks=[history])
    return supernet, history


def check_solved(supernet, history) -> None:
    """Some way from the input to the output is faithful, and no edge is exchanged. Edges of `none` are no fault: the
    network needs one way only."""
    assert "exchanged" not in history.genotype.operations
    a, b, c, d, e, f = (name == "faithful" for name in history.genotype.operations)
    assert d or (a and e) or (b and f) or (a and c and f)
    alpha = supernet.alphas["cell"]
    lead = alpha[:, PLANTED.index("faithful")] - alpha[:, PLANTED.index("exchanged")]
    assert lead.max() > 1.0  # by far more than the 0.001 they start with
    assert history.best["val_acc"] > 0.9


def test_every_relaxation_finds_the_planted_operation(relaxation):
    check_solved(*search_planted(relaxation, first))


def test_alphas_that_do_not_learn_do_not_pass():
    supernet, history = search_planted(Softmax(), lambda problem, **options: [0 * alpha for alpha in problem.alphas], 2)
    with pytest.raises(AssertionError):
        check_solved(supernet, history)
