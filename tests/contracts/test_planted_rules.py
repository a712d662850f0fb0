"""Contract 8 for rules: the operation that is right by construction is found under every rule; `AuxiliarySkip`, which
gives it away, has a file of its own."""

import copy
from functools import partial

import pytest
import torch
from small_search import ADAM, SGD, fit, search_module, small_space
from test_planted import OPERATIONS, PRIMITIVES, check_solved, halves

from darts_pl.callbacks import SearchHistory
from darts_pl.derive import TopEdges, derive_genotype
from darts_pl.hypergradient import first
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import (
    BetaDecay,
    DropPath,
    EigenvalueStop,
    RankingStop,
    SDARTSAdversarial,
    SDARTSRandom,
    SkipStop,
)

RULES = {
    "sdarts_rs": [SDARTSRandom()],
    "sdarts_adv": [SDARTSAdversarial(steps=3)],
    "beta_decay": [BetaDecay(weight=0.5)],
    "drop_path": [DropPath()],
    "eigenvalue_stop": [EigenvalueStop(every=1, not_before=5)],
    "skip_stop": [SkipStop(not_before=0)],  # nothing here is a skip connection: it must not stop
}


def search_planted(rules, seed: int = 0):
    """(supernet, history) after a search with `rules`."""
    torch.manual_seed(seed)
    space = small_space(init_channels=4, layers=4, num_nodes=1, primitives=PRIMITIVES, operations=OPERATIONS)
    supernet = space.supernet((1, 6, 6), 2, relaxation=Softmax(), mixing=full)
    derive = partial(
        derive_genotype, primitives=space.primitives, num_nodes=space.num_nodes, derivation=TopEdges(keep=1)
    )
    history = SearchHistory(None, derive, list(space.primitives), space.edges)
    module = search_module(
        supernet,
        first,
        weights_optimizer=partial(SGD, lr=0.05),
        alphas_optimizer=partial(ADAM, lr=0.1, weight_decay=0.0),
        epochs=8,
        alpha_warmup_epochs=1,
        rules=copy.deepcopy(rules),
    )
    fit(module, data=halves(), callbacks=[history])
    return supernet, history


@pytest.mark.parametrize("name", RULES)
def test_every_rule_leaves_the_planted_operation_to_be_found(name):
    check_solved(*search_planted(RULES[name]))


def test_a_ranking_that_settled_ends_the_search_with_the_planted_operation():
    _, history = search_planted([RankingStop(epochs=3, learnable=False)])
    assert "ranking" in history.best["reason"] and len(history.rows) < 8
    cells = (history.genotype.normal, history.genotype.reduce)
    assert [cell.nodes[0][0].op for cell in cells] == ["faithful", "faithful"]
