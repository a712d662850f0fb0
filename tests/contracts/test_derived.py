"""Contract 4: a derived network holds what was selected and nothing else; what acts in training only stays there."""

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from small_search import EXTENDED, small_space, small_supernet

from darts_pl.derive import random_genotype
from darts_pl.errors import GenotypeError
from darts_pl.genotype import KNOWN, Genotype
from darts_pl.relaxations import Softmax
from darts_pl.spaces.mixed import drop_path


def drawn(seed: int, num_nodes: int, primitives=EXTENDED) -> Genotype:
    return random_genotype(primitives, num_nodes, torch.Generator().manual_seed(seed))


def small_network(genotype: Genotype | None = None, shape=(3, 16, 16), *, searching: bool = False, **settings):
    genotype = genotype or KNOWN["DARTS_V2"]
    space = small_space(num_nodes=len(genotype.normal.nodes), init_channels=2)
    return space._network(genotype, shape, 4, searching=searching, **settings)


@pytest.mark.parametrize("name", list(KNOWN))
def test_every_parameter_gets_a_gradient(name):
    network = small_network(KNOWN[name], auxiliary=True).train()
    logits, auxiliary = network.forward_with_auxiliary(torch.randn(8, 3, 16, 16))
    y = torch.arange(8) % 4
    (F.cross_entropy(logits, y) + 0.4 * F.cross_entropy(auxiliary, y)).backward()
    unused = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert unused == unused_by_design(KNOWN[name], network)


def unused_by_design(genotype: Genotype, network) -> set[str]:
    """Parameters into states that the genotype itself leaves without a way out (AmoebaNet's reduction cell has none;
    a last cell with no edge from one of its inputs would)."""
    found = set()
    for index, cell in enumerate(network.cells):
        kind = genotype.reduce if index in (1, 2) else genotype.normal
        if not any(edge.source == 1 for node in kind.nodes for edge in node):
            found |= {f"cells.{index}.preprocess1.{name}" for name, _ in cell.preprocess1.named_parameters()}
        if not any(edge.source == 0 for node in kind.nodes for edge in node):
            found |= {f"cells.{index}.preprocess0.{name}" for name, _ in cell.preprocess0.named_parameters()}
    return found


@pytest.mark.parametrize("seed", range(8))
def test_modules_are_one_per_selected_edge(seed):
    genotype = drawn(seed, num_nodes=seed % 4 + 1)
    network = small_network(genotype)
    for index, cell in enumerate(network.cells):
        chosen = genotype.reduce if index in (1, 2) else genotype.normal
        assert [len(node) for node in cell.nodes] == [len(node) for node in chosen.nodes]
    assert network(torch.randn(2, 3, 16, 16)).shape == (2, 4)


def test_normalisation_learns_scale_and_shift_only_outside_the_search():
    for searching in (False, True):
        cells = small_network(searching=searching).cells
        norms = [m for m in cells.modules() if isinstance(m, nn.BatchNorm2d)]
        assert norms and all(norm.affine is not searching for norm in norms)
    supernet = small_supernet(Softmax())
    assert not any(m.affine for m in supernet.cells.modules() if isinstance(m, nn.BatchNorm2d))
    assert all(m.affine for m in supernet.stem.modules() if isinstance(m, nn.BatchNorm2d))


def test_pooling_is_normalised_only_while_searching():
    genotype = drawn(0, 2, primitives=("max_pool_3x3", "avg_pool_3x3"))
    operations = {
        searching: {type(op) for c in small_network(genotype, searching=searching).cells for n in c.nodes for op in n}
        for searching in (False, True)
    }
    assert operations == {False: {nn.MaxPool2d, nn.AvgPool2d}, True: {nn.Sequential}}


def test_drop_path_draws_a_mask_per_sample_and_keeps_the_mean():
    x = torch.ones(4000, 3, 2, 2)
    y = drop_path(x, 0.3)
    samples = y.flatten(1)
    assert torch.equal(samples.min(1).values, samples.max(1).values)  # a sample is kept or dropped as a whole
    assert sorted(set(samples[:, 0].tolist())) == pytest.approx([0.0, 1 / 0.7])
    assert float(y.mean()) == pytest.approx(1.0, abs=0.04)  # 3.9 deviations
    assert torch.equal(x, torch.ones_like(x))


@pytest.mark.parametrize(("op", "drops"), [("skip_connect", False), ("max_pool_3x3", True)])
def test_drop_path_spares_the_identity(op, drops):
    cell = small_space(num_nodes=2).network(drawn(1, 2, primitives=(op,)), (3, 8, 8), 2).cells[0].train()
    before_last, last = torch.randn(16, 9, 8, 8), torch.randn(16, 9, 8, 8)
    full = cell(before_last, last)
    cell.drop_path_probability = 0.5
    dropped = cell(before_last, last)
    assert torch.equal(full, dropped) is not drops


def test_nothing_is_dropped_in_eval_mode_and_evaluation_repeats():
    network = small_network().eval()
    x = torch.randn(4, 3, 16, 16)
    plain = network(x)
    network.drop_path_probability = 0.9
    assert torch.equal(network(x), plain) and torch.equal(network(x), plain)
    assert not torch.equal(network.train()(x), plain)


def test_drop_path_and_gradients_work_together():
    network = small_network().train()
    network.drop_path_probability = 0.4
    network(torch.randn(4, 3, 16, 16, requires_grad=True)).sum().backward()


def test_nothing_works_in_place():
    """An in-place ReLU would change the state that the other edges read."""
    for model in (small_supernet(Softmax(), primitives=EXTENDED), small_network(KNOWN["AmoebaNet"], auxiliary=True)):
        assert not any(getattr(module, "inplace", False) for module in model.modules())
    for edge in small_supernet(Softmax(), primitives=EXTENDED).cells[1].edges.values():
        x = torch.randn(2, 6, 8, 8)
        kept = x.clone()
        for candidate in edge.candidates.values():
            candidate(x)
            assert torch.equal(x, kept)


def test_the_auxiliary_head_runs_only_when_asked():
    network = small_network(auxiliary=True)
    calls = []
    network.auxiliary.register_forward_hook(lambda *_: calls.append(1))
    x = torch.randn(4, 3, 16, 16)
    network.train()(x), network.eval()(x)
    assert not calls
    logits, auxiliary = network.train().forward_with_auxiliary(x)
    assert calls and auxiliary.shape == logits.shape == (4, 4)
    assert (
        network.count_parameters()
        == small_network().count_parameters()
        == sum(p.numel() for p in small_network().parameters())
    )
    assert small_network().forward_with_auxiliary(x)[1] is None


@pytest.mark.parametrize("size", [8, 15, 32, 64])
def test_the_auxiliary_head_fits_any_size(size):
    network = small_network(shape=(3, size, size), auxiliary=True)
    assert network.forward_with_auxiliary(torch.randn(2, 3, size, size))[1].shape == (2, 4)


def test_an_operation_that_the_space_cannot_build_is_named():
    genotype = drawn(0, 2, primitives=("sep_conv_9x9",))
    with pytest.raises(GenotypeError, match=r"normal node 0 .*unknown operation 'sep_conv_9x9'. Did you mean"):
        small_network(genotype)


def test_fresh_weights_each_time():
    first, second = small_network(), small_network()
    names = [n for n, p in first.named_parameters() if p.dim() == 4]
    state = dict(second.named_parameters())
    assert not any(torch.equal(p, state[n]) for n, p in first.named_parameters() if n in names)
