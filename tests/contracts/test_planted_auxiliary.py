"""Contract 8 under an auxiliary skip: what is planted is nothing that the auxiliary gives already."""

from functools import partial

import pytest
import torch
from small_search import ADAM, SGD, fit, search_module, small_space
from test_planted import OPERATIONS, Faithful
from torch.utils.data import TensorDataset

from darts_pl.callbacks import SearchHistory
from darts_pl.derive import TopEdges, derive_genotype
from darts_pl.hypergradient import first
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import AuxiliarySkip


class Mirrored(Faithful):
    """Each pixel times the one opposite: what tells whether two sides agree, which no way of identities, convolutions
    of one pixel and means over the image can."""

    def forward(self, x):
        return super().forward(x * x.flip(3))


PRIMITIVES = ("none", "exchanged", "mirrored")
ALL = {**OPERATIONS, "mirrored": lambda channels, stride, affine: Mirrored(stride)}


def sides(seed: int, n: int = 192) -> TensorDataset:
    """n images of noise, 6x6, with a bright or a dark column on each side; class 1 where both are alike."""
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (n, 2), generator=generator) * 2 - 1
    x = torch.randn(n, 1, 6, 6, generator=generator) * 0.5
    x[..., [0, 5]] += 2 * signs[:, None, None]
    return TensorDataset(x, (signs[:, 0] == signs[:, 1]).long())


def searched(decay: str, primitives=PRIMITIVES):
    """(supernet, history) after a search of eight epochs beside a whole auxiliary skip."""
    space = small_space(init_channels=4, layers=4, num_nodes=1, primitives=primitives, operations=ALL)
    supernet = space.supernet((1, 6, 6), 2, relaxation=Softmax(), mixing=full, auxiliary_skip=True)
    derive = partial(derive_genotype, primitives=primitives, num_nodes=1, derivation=TopEdges(keep=1))
    history = SearchHistory(None, derive, list(primitives), space.edges)
    module = search_module(
        supernet,
        first,
        weights_optimizer=partial(SGD, lr=0.05),
        alphas_optimizer=partial(ADAM, lr=0.05, weight_decay=0.0),
        epochs=8,
        alpha_warmup_epochs=1,
        rules=[AuxiliarySkip(decay=decay)],
    )
    fit(module, data=(sides(1), sides(2)), callbacks=[history])
    return supernet, history


@pytest.mark.parametrize("decay", ["linear", "constant"])
def test_what_the_auxiliary_does_not_give_is_found(decay):
    """In the cells that see both sides, the normal ones; behind them nothing more is to be compared."""
    supernet, history = searched(decay)
    planted, worthless = PRIMITIVES.index("mirrored"), PRIMITIVES.index("exchanged")
    alpha = supernet.alphas["normal"].detach()
    assert float((alpha[:, planted] - alpha[:, worthless]).max()) > 1.0
    assert history.genotype.normal.nodes[0][0].op == "mirrored" and history.best["val_acc"] > 0.9


def test_without_it_there_is_only_chance():
    _, history = searched("constant", PRIMITIVES[:-1])
    assert history.best["val_acc"] < 0.7
