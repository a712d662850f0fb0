"""Parts that make no sense beside each other are refused with the reason; all others are let through."""

from functools import partial

import pytest

from darts_pl.derive import Strongest, Threshold, TopEdges
from darts_pl.errors import ConfigError
from darts_pl.hypergradient import exact, finite_difference, first, fixed
from darts_pl.relaxations import Dirichlet, Gumbel, Sigmoid, Softmax, Uniform
from darts_pl.relaxations.mixing import PartialChannels, SinglePath, full
from darts_pl.rules import (
    BetaDecay,
    EigenvalueStop,
    OperationEarlyStopping,
    SDARTSAdversarial,
    SDARTSRandom,
    SkipStop,
)
from darts_pl.spaces import CellSpace, Nasbench201Space
from darts_pl.stages.compatibility import check_parts
from darts_pl.stages.phases import Phase
from darts_pl.stages.selection import Perturbation, Sampled

CELLS, TABLES = CellSpace(), Nasbench201Space()
WITHOUT_NONE = Nasbench201Space(primitives=("skip_connect", "nor_conv_3x3"))
DROPPING = (Phase(), Phase(keep=2))


def check(**changes) -> None:
    parts = {
        "space": CELLS,
        "relaxation": Softmax(),
        "mixing": full,
        "hypergradient": first,
        "rules": [],
        "derivation": TopEdges(),
        "phases": (Phase(),),
        "selection": None,
    }
    check_parts(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mixing": SinglePath()}, "needs one-hot gates"),
        ({"mixing": PartialChannels(2, inner=SinglePath())}, "needs one-hot gates"),
        ({"relaxation": Gumbel(hard=True), "mixing": SinglePath(), "hypergradient": exact}, "unrolls a step of all"),
        (
            {"relaxation": Gumbel(hard=True), "mixing": SinglePath(), "hypergradient": partial(finite_difference)},
            "unrolls a step of all",
        ),
        ({"relaxation": Uniform()}, "nothing to train"),
        ({"relaxation": Uniform(), "hypergradient": fixed}, "none can be derived"),
        ({"derivation": Threshold(threshold=0.85)}, "sum to one hardly ever reach"),
        ({"relaxation": Dirichlet(), "derivation": Threshold()}, "sum to one hardly ever reach"),
        ({"relaxation": Sigmoid(), "derivation": Threshold(), "mixing": PartialChannels(4)}, "edge normalisation"),
        ({"relaxation": Sigmoid(), "derivation": Strongest(), "space": TABLES}, "Leave 'none' out"),
        ({"derivation": Strongest()}, "keeps some of each node.s inputs"),
        ({"space": TABLES}, "derivation=strongest"),
        ({"phases": DROPPING, "hypergradient": fixed}, "never trained here"),
        ({"phases": DROPPING, "selection": Sampled()}, "draws architectures from the whole space"),
        ({"phases": (Phase(channel_divisor=4),)}, "needs mixing=partial"),
        ({"rules": [SkipStop()], "selection": Perturbation()}, "SkipStop goes back"),
        ({"rules": [EigenvalueStop()], "phases": DROPPING}, "EigenvalueStop ends the whole search"),
        ({"rules": [SDARTSRandom(), SDARTSAdversarial()]}, "both move the gates"),
        ({"rules": [SDARTSRandom()], "relaxation": Sigmoid()}, "SDARTS|sdarts"),
        ({"rules": [OperationEarlyStopping()], "hypergradient": exact}, "oles"),
        ({"rules": [EigenvalueStop()], "relaxation": Dirichlet()}, "differentiated once only"),
        ({"rules": [EigenvalueStop()], "relaxation": Gumbel(hard=True)}, "one-hot gates"),
    ],
)
def test_senseless_pairs_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        check(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"relaxation": Dirichlet(), "mixing": PartialChannels(4)},
        {"relaxation": Gumbel(hard=True), "mixing": SinglePath()},
        {"relaxation": Gumbel(hard=True), "mixing": PartialChannels(2, inner=SinglePath())},
        {"relaxation": Sigmoid(), "derivation": Threshold(), "mixing": PartialChannels(4, edge_normalization=False)},
        {"relaxation": Sigmoid(), "derivation": Strongest(), "space": WITHOUT_NONE},
        {"relaxation": Uniform(), "mixing": SinglePath(), "hypergradient": fixed, "selection": Sampled()},
        {"rules": [EigenvalueStop(stop=False)], "selection": Perturbation()},
        {"rules": [SkipStop(), BetaDecay(), SDARTSRandom()]},
        {"phases": DROPPING, "relaxation": Gumbel(), "hypergradient": exact},
        {"hypergradient": fixed, "selection": Perturbation()},
    ],
)
def test_sensible_ones_are_not(changes):
    check(**changes)
