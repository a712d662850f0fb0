"""The contracts of every space, for this one in every mode: parameters, gradients, one-hot equality."""

import pytest
import torch
from series_building import (
    ALL,
    EVERY_MODE,
    FEW,
    batch,
    check_one_hot,
    drawn,
    network,
    pair,
    supernet,
    tiny_space,
)

from darts_pl.genotype import Cell, Edge, SeriesGenotype
from darts_pl.relaxations import Gumbel, Softmax, Uniform
from darts_pl.relaxations.mixing import SinglePath
from darts_pl.spaces.series.labels import ARGUMENTS, candidates

TOKENS = ("steps", "patches", "variates")


def space_for(mode: str, relaxation):
    """Gates that do not share one unit of weight give `none`, times zeros, no gradient; it is left out then."""
    if relaxation.simplex:
        return tiny_space(mode)
    labels = {ARGUMENTS[label]: [n for n in names if n != "none"] for label, names in candidates(mode).items()}
    return tiny_space(mode, primitives=FEW[1:], **labels, num_nodes=1)


def identities(tensors) -> list[int]:
    return sorted(map(id, tensors))


def test_parameters_are_split_into_alphas_and_weights(mode):
    space = tiny_space(mode)
    net = supernet(space)
    alphas, weights = net.arch_parameters(), net.weight_parameters()
    assert identities([*alphas, *weights]) == identities(net.parameters())
    assert len({*identities([*alphas, *weights])}) == len(alphas) + len(weights)
    assert set(net.kinds) == set(space.kinds)
    for kind, alpha in net.alphas.items():
        assert alpha.shape == (len(space.edge_names(kind)), len(space.names(kind)))
        assert f"alphas.{kind}" in net.state_dict()
    assert {cell.kind for cell in net.cells} == set(net.kinds)


def test_each_alpha_gets_a_gradient(mode, relaxation):
    net = supernet(space_for(mode, relaxation), relaxation=relaxation).train()
    total = [torch.zeros_like(alpha) for alpha in net.arch_parameters()]
    for seed in range(8):
        torch.manual_seed(seed)
        loss = net(batch()).square().mean() + (0 if net.penalty() is None else net.penalty())
        for sum_, grad in zip(total, torch.autograd.grad(loss, net.arch_parameters())):
            sum_ += grad.abs()
    assert all((grads > 1e-12).all() for grads in total)


def test_each_candidates_weights_change_the_output(mode):
    net = supernet(tiny_space(mode, layers=1)).eval()
    x, checked = batch(), 0
    with torch.no_grad():
        before = net(x)
        for choice in net.choices():
            for name, candidate in choice.candidates.items():
                weights = [(p, p.clone()) for p in candidate.parameters()]
                for parameter, _ in weights:
                    parameter += torch.randn_like(parameter)
                assert not weights or (net(x) - before).abs().max() > 1e-9, name
                for parameter, kept in weights:
                    parameter.copy_(kept)
                checked += len(weights)
    assert checked > 100


@pytest.fixture(scope="module", params=EVERY_MODE)
def over_all(request: pytest.FixtureRequest):
    """A space over all 16 operations and its supernet, which no test changes."""
    torch.manual_seed(0)
    space = tiny_space(request.param, primitives=ALL, layers=1 if request.param == "encoder_decoder" else 2)
    return space, supernet(space)


@pytest.mark.parametrize("tokens", [TOKENS[0], *(pytest.param(t, marks=pytest.mark.slow) for t in TOKENS[1:])])
def test_one_hot_gates_give_the_derived_network(over_all, tokens):
    """Over all 16 operations: with every kind of tokens two genotypes drawn at random."""
    space, net = over_all
    chosen = [g for g in (drawn(space, seed) for seed in range(40)) if g.choices["tokens"] == tokens][:2]
    assert len(chosen) == 2
    for genotype in chosen:
        check_one_hot(space, genotype, net=net)


def test_one_hot_gates_with_every_relaxation(mode, relaxation):
    space = tiny_space(mode, layers=1)
    check_one_hot(space, drawn(space, 3), relaxation=relaxation)


def test_one_hot_gates_leave_auxiliary_skips_out():
    space = tiny_space()
    genotype = drawn(space, 6)
    net, derived = pair(space, genotype, auxiliary_skip=True)
    for choice in net.choices():
        choice.auxiliary_weight = 1.0
    gates = {kind: gate.double() for kind, gate in space.one_hot_gates(genotype).items()}
    torch.testing.assert_close(net.forward_as_derived(batch(), gates), derived(batch()), rtol=1e-10, atol=1e-10)
    assert not torch.allclose(net(batch(), gates), derived(batch()))


@pytest.mark.parametrize("seed", range(8))
def test_each_parameter_of_a_derived_network_gets_a_gradient(mode, seed):
    """It holds what was selected and nothing else, over all operations."""
    space = tiny_space(mode, primitives=ALL)
    net = network(space, genotype := drawn(space, 100 + seed))
    (net(batch()) - torch.randn(4, 12, 2, dtype=torch.float64)).abs().sum().backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-12]
    assert silent == [], genotype.describe()


def test_nothing_of_what_was_not_selected_is_there():
    space = tiny_space("encoder_decoder")
    labels = {"normalization": "last", "decomposition": "none", "shortcut": "none", "tokens": "steps"}
    rest = {"position": "none", "attention": "none", "feed_forward": "none", "cross_attention": "none"}
    cell = Cell(((Edge("identity", 0), Edge("grn", 1)),), (2,))
    net = network(space, SeriesGenotype("encoder_decoder", {**labels, **rest}, {"encoder": cell, "decoder": cell}))
    names = {part for name, _ in net.named_modules() for part in name.split(".")}
    assert names.isdisjoint({"attention", "attention_norm", "feed_forward", "feed_forward_norm", "trend", "shortcut"})
    assert {"dlinear", "patches", "candidates"}.isdisjoint(names)


def test_one_path_an_edge_searches(mode):
    """A step in which `none` is drawn tells an edge nothing; over several steps each learns."""
    net = supernet(tiny_space(mode), relaxation=Gumbel(hard=True), mixing=SinglePath()).train()
    total = [torch.zeros_like(alpha) for alpha in net.arch_parameters()]
    for _ in range(8):
        for sum_, grad in zip(total, torch.autograd.grad(net(batch()).square().mean(), net.arch_parameters())):
            sum_ += grad.abs()
    assert all((grads.sum(dim=1) > 0).all() for grads in total)
    gates = {kind: gate.double() for kind, gate in tiny_space(mode).one_hot_gates(drawn(tiny_space(mode), 1)).items()}
    assert net(batch(), gates).isfinite().all()


def test_candidates_that_are_not_kept_are_gone():
    space = tiny_space()
    net = supernet(space)
    masks = {kind: torch.ones_like(net.kept(kind)) for kind in net.kinds}
    masks["tokens"][0, space.names("tokens").index("patches")] = False
    masks["encoder"][:, FEW.index("grn")] = False
    net.keep(masks)
    names = [name for name, _ in net.forecaster.named_parameters()]
    assert not any("patches" in name or "grn" in name for name in names)
    assert net.gates()["tokens"].sum().item() == pytest.approx(1.0)
    loss = net(batch()).square().mean()
    grads = torch.autograd.grad(loss, net.arch_parameters())
    assert all((grad != 0).sum() == masks[kind].sum() for kind, grad in zip(net.alphas, grads))


def test_the_penalty_counts_every_gate_once(relaxation):
    """Kinds differ in K; Σ or mean over edges is that of rows kept apart."""
    net = supernet(space_for("encoder_only", relaxation), relaxation=relaxation)
    rows = [relaxation.penalty(rows) for rows in net.logits().values()]
    if rows[0] is None:
        assert net.penalty() is None
        return
    if relaxation.simplex:  # the Dirichlet's is a sum over edges
        expected = sum(rows)
    else:  # the sigmoid's a mean over gates
        sizes = [alpha.numel() for alpha in net.alphas.values()]
        expected = sum(row * size for row, size in zip(rows, sizes)) / sum(sizes)
    torch.testing.assert_close(net.penalty(), expected, rtol=1e-12, atol=1e-12)
    assert all(g.isfinite().all() for g in torch.autograd.grad(net.penalty(), net.arch_parameters()))


def test_derivation_takes_the_strongest():
    space = tiny_space("encoder_decoder")
    genotype = drawn(space, 11)
    noise = {kind: 0.1 * torch.rand(gate.shape) for kind, gate in space.one_hot_gates(genotype).items()}
    found = space.derive({kind: gate + noise[kind] for kind, gate in space.one_hot_gates(genotype).items()})
    assert found.choices == genotype.choices
    for kind, cell in found.cells.items():
        for ours, theirs in zip(cell.nodes, genotype.cells[kind].nodes):
            assert sorted((e.op, e.source) for e in ours) == sorted((e.op, e.source) for e in theirs)
    flat = space.derive({kind: torch.ones(gate.shape) for kind, gate in noise.items()})
    assert {label: names[0] for label, names in candidates("encoder_decoder").items()} == dict(flat.choices)


def test_fresh_networks_differ_and_a_seed_repeats_them():
    space = tiny_space("mamba")
    genotype = drawn(space, 2)
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(network(space, genotype)(batch()))
    assert torch.equal(outputs[0], outputs[1]) and not torch.allclose(outputs[0], outputs[2])


def test_random_genotypes_reach_every_candidate():
    space = tiny_space("encoder_decoder", primitives=ALL)
    seen = [drawn(space, seed) for seed in range(120)]
    for label, names in space.candidates.items():
        assert {genotype.choices[label] for genotype in seen} == set(names)
    operations = {e.op for g in seen for cell in g.cells.values() for node in cell.nodes for e in node}
    assert operations == set(ALL) - {"none"}
    assert drawn(space, 5) == drawn(space, 5) != drawn(space, 6)


def test_evaluation_draws_nothing():
    space = tiny_space("mamba", dropout=0.5)
    net = supernet(space, relaxation=Uniform()).eval()
    state = torch.get_rng_state()
    assert torch.equal(net(batch()), net(batch())) and torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(net.train()(batch()), net.train()(batch()))


def test_settings_make_the_space_again():
    for mode in EVERY_MODE:
        space = tiny_space(mode)
        again = type(space)(**space.settings())
        assert again.settings() == space.settings() and again.candidates == space.candidates


def test_supernets_start_near_flat_gates():
    net = supernet(tiny_space(), relaxation=Softmax())
    assert all((gate - 1 / gate.shape[1]).abs().max() < 0.01 for gate in net.expected_gates().values())
