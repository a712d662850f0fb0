"""Contract 8: where one operation is right by construction, every search finds it, through the real Trainer."""

from functools import partial

import pytest
import torch
import torch.nn as nn
from small_search import ADAM, SGD, fit, search_module, small_space, two_classes
from torch.utils.data import Subset

from darts_pl.callbacks import SearchHistory
from darts_pl.derive import TopEdges, derive_genotype
from darts_pl.hypergradient import exact, finite_difference, first
from darts_pl.relaxations import Dirichlet, Gumbel, Softmax
from darts_pl.relaxations.mixing import PartialChannels, SinglePath, full


class Faithful(nn.Module):
    """Hands each image on, at half the size where the stride is 2."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x if self.stride == 1 else nn.functional.avg_pool2d(x, 2, ceil_mode=True)


class Exchanged(Faithful):
    """The same images, each at the next sample's place: right in scale, worthless for the label. On no way through
    three cells do the shifts add up to the batch of 8 and cancel."""

    def forward(self, x):
        return super().forward(x.roll(1, dims=0))


OPERATIONS = {
    "faithful": lambda channels, stride, affine: Faithful(stride),
    "exchanged": lambda channels, stride, affine: Exchanged(stride),
}
PRIMITIVES = ("none", "exchanged", "faithful")


def halves(n: int = 96):
    """Labels in random order, so that an exchanged image says nothing about the label at its place."""
    orders = (torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist() for seed in (3, 4))
    pair = (two_classes(n, seed=seed, shape=(1, 6, 6), deviation=1.5) for seed in (1, 2))
    return [Subset(half, order) for half, order in zip(pair, orders)]


def search_planted(relaxation, hypergradient, epochs: int = 8, mixing=full, primitives=PRIMITIVES, rate: float = 0.1):
    """(supernet, history) after a search of a few seconds."""
    space = small_space(init_channels=4, layers=4, num_nodes=1, primitives=primitives, operations=OPERATIONS)
    supernet = space.supernet((1, 6, 6), 2, relaxation=relaxation, mixing=mixing)
    derive = partial(
        derive_genotype, primitives=space.primitives, num_nodes=space.num_nodes, derivation=TopEdges(keep=1)
    )
    history = SearchHistory(None, derive, list(space.primitives), space.edges)
    module = search_module(
        supernet,
        hypergradient,
        weights_optimizer=partial(SGD, lr=0.05),
        alphas_optimizer=partial(ADAM, lr=rate, weight_decay=0.0),
        epochs=epochs,
        alpha_warmup_epochs=1,
    )
    fit(module, data=halves(), callbacks=[history])
    return supernet, history


def check_solved(supernet, history) -> None:
    """The strongest edge of each kind of cell is the planted operation. The other edge may be anything: either
    suffices, and the weights can shut the useless one off. `none` is a rival only where gates share one unit of weight:
    a gate for itself, times zeros, may be anything."""
    genotype = history.genotype
    assert [cell.nodes[0][0].op for cell in (genotype.normal, genotype.reduce)] == ["faithful", "faithful"]
    planted = PRIMITIVES.index("faithful")
    first_rival = PRIMITIVES.index("none" if supernet.relaxation.simplex else "exchanged")
    for alpha in supernet.alphas.values():
        lead = alpha[:, planted] - alpha[:, first_rival:planted].max(dim=1).values
        assert lead.max() > 1.0  # by far more than the 0.001 they start with
    assert history.best["val_acc"] > 0.9


def test_every_relaxation_finds_the_planted_operation(trained_relaxation):
    check_solved(*search_planted(trained_relaxation, first))


def leads(supernet, primitives=PRIMITIVES) -> list[float]:
    """By how much the planted operation leads the worthless one, on the edge of each kind where it does so most."""
    planted, worthless = primitives.index("faithful"), primitives.index("exchanged")
    return [float((alpha[:, planted] - alpha[:, worthless]).detach().max()) for alpha in supernet.alphas.values()]


@pytest.mark.parametrize("relaxation", [Softmax, Dirichlet])
def test_partial_channels_find_it(relaxation):
    """What passes by the candidates carries the label too, so that nothing is lost with `none`, nor on an edge that
    edge normalisation shuts; only the order of the two others is planted."""
    supernet, history = search_planted(relaxation(), first, epochs=6, mixing=PartialChannels(2))
    assert min(leads(supernet)) > 1.0 and history.best["val_acc"] > 0.9


def test_a_single_path_finds_it():
    """Without `none`, which leaves steps without any signal where it is drawn on every way out."""
    primitives = ("exchanged", "faithful")
    relaxation = Gumbel(tau_start=5.0, tau_end=0.5, hard=True)
    supernet, history = search_planted(relaxation, first, 8, SinglePath(), primitives, rate=0.05)
    assert min(leads(supernet, primitives)) > 1.0 and history.best["val_acc"] > 0.9
    assert [cell.nodes[0][0].op for cell in history.genotype.cells.values()] == ["faithful", "faithful"]


@pytest.mark.parametrize("method", [finite_difference, exact], ids=lambda method: method.__name__)
def test_second_order_finds_it_too(method):
    check_solved(*search_planted(Softmax(), method, epochs=5))


def test_alphas_that_do_not_learn_do_not_pass():
    """The check itself can fail: with a hypergradient of zeros nothing is found."""
    supernet, history = search_planted(Softmax(), lambda problem, **options: [0 * alpha for alpha in problem.alphas], 2)
    with pytest.raises(AssertionError):
        check_solved(supernet, history)


def test_derivation_goes_by_gates_not_by_logits():
    """Logits that a large offset makes incomparable between edges, as in NNI, which kept a .136 edge for a .886 one."""
    space = small_space(num_nodes=2, primitives=PRIMITIVES, operations=OPERATIONS)
    supernet = space.supernet((1, 6, 6), 2, relaxation=Softmax(), mixing=full)
    with torch.no_grad():
        for alpha in supernet.alphas.values():
            alpha.zero_()
            alpha[space.edges.index("3<-0")] = torch.tensor([11.0, 9.0, 9.2])  # highest logits, gates .136 at most
            alpha[space.edges.index("3<-1")] = torch.tensor([0.0, 0.0, 2.75])
            alpha[space.edges.index("3<-2")] = torch.tensor([0.0, 1.5, 0.0])
    genotype = derive_genotype(supernet.expected_gates(), space.primitives, space.num_nodes)
    chosen = [(edge.op, edge.source) for edge in genotype.normal.nodes[1]]
    assert chosen == [("faithful", 1), ("exchanged", 2)]
    by_logits = derive_genotype(dict(supernet.alphas), space.primitives, space.num_nodes)
    assert by_logits.normal.nodes[1][0].source == 0  # the mistake would show
