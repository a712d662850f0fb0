"""DARTS+: both criteria on genotypes and alphas that are set by hand."""

import io
from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn

from darts_pl.errors import ConfigError
from darts_pl.genotype import Cell, Edge
from darts_pl.relaxations import Softmax
from darts_pl.relaxations.mixing import full
from darts_pl.rules import Combination, EpochEnd, RankingStop, SkipStop
from darts_pl.spaces import CellSpace


def reloaded(rule, fresh):
    """`fresh` with the state of `rule`, by way of a checkpoint."""
    buffer = io.BytesIO()
    torch.save(rule.state_dict(), buffer)
    buffer.seek(0)
    fresh.load_state_dict(torch.load(buffer, weights_only=True))
    return fresh


def cell(skips: int) -> Cell:
    """Two nodes of two edges, `skips` of them skip connections."""
    names = ["skip_connect"] * skips + ["sep_conv_3x3"] * (4 - skips)
    return Cell(tuple(tuple(Edge(op, s) for s, op in enumerate(names[i : i + 2])) for i in (0, 2)), (2, 3))


def verdicts(rule, counts, trained=lambda epoch: True):
    """(epoch, verdict's epoch) at the first verdict; `counts` holds for each epoch the skips of each kind."""
    for epoch, skips in enumerate(counts, start=1):
        genotype = SimpleNamespace(cells={kind: cell(number) for kind, number in skips.items()})
        if (verdict := rule.epoch_end(EpochEnd(None, epoch, genotype, trained(epoch), None))) is not None:
            return epoch, verdict.epoch
    return None


def normal(*counts: int, reduce: int = 4) -> list[dict[str, int]]:
    return [{"normal": count, "reduce": reduce} for count in counts]


@pytest.mark.parametrize(
    ("settings", "counts", "expected"),
    [
        ({}, normal(0, 1, 1, 2), (4, 3)),
        ({}, normal(0, 1, 0, 1, 1), None),
        ({"roll_back": False}, normal(0, 1, 1, 3), (4, 4)),
        ({}, normal(2, 1), (1, 1)),  # nothing to go back to
        ({"limit": 3}, normal(2, 2, 3), (3, 2)),
        ({"not_before": 3}, normal(2, 1, 1, 2), (4, 3)),  # the first two epochs are not looked at
        ({"not_before": 3}, normal(1, 1, 2), (3, 3)),  # nor gone back to
        ({"kind": "reduce"}, normal(0, 0, reduce=1), None),
        ({"kind": "reduce"}, normal(4, reduce=2), (1, 1)),
        ({"kind": None}, normal(1, 1, reduce=1), None),  # each kind by itself, not their sum
        ({"kind": None}, [*normal(1, reduce=1), *normal(1, reduce=2)], (2, 1)),
        ({"kind": None}, [{"cell": 1}, {"cell": 3}], (2, 1)),  # a space with another kind
        ({"kind": "cell"}, [{"cell": 0}, {"cell": 2}], (2, 1)),
    ],
)
def test_skip_connections_end_the_search(settings, counts, expected):
    assert verdicts(SkipStop(**{"not_before": 0, **settings}), counts) == expected


def test_epochs_that_trained_no_alphas_do_not_count():
    assert verdicts(SkipStop(not_before=0), normal(4, 0, 1, 2), trained=lambda epoch: epoch > 2) == (4, 3)
    assert verdicts(SkipStop(not_before=0), normal(4, 0, 2), trained=lambda epoch: epoch > 2) == (3, 3)


def test_the_epoch_to_go_back_to_survives_a_checkpoint():
    rule = SkipStop(not_before=0)
    assert verdicts(rule, normal(0, 1)) is None
    again = reloaded(rule, SkipStop(not_before=0))
    genotype = SimpleNamespace(cells={"normal": cell(2)})
    verdict = again.epoch_end(EpochEnd(None, 3, genotype, True, None))
    assert verdict.epoch == 2 and "2 in the normal cell" in verdict.reason and "epoch 3" in verdict.reason


def test_a_kind_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"skip_stop\.kind='normal'.*Choose one of: cell"):
        SkipStop().schedule(SimpleNamespace(kinds=("cell",)), 0.0)
    SkipStop(kind=None).schedule(SimpleNamespace(kinds=("cell",)), 0.0)


PRIMITIVES = ("skip_connect", "sep_conv_3x3", "avg_pool_3x3", "dil_conv_3x3")


@pytest.fixture
def supernet():
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=PRIMITIVES)
    supernet = space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)
    for kind in supernet.kinds:
        for edge in range(2):
            rank(supernet, kind, 1, 3, edge=edge)
    return supernet


@torch.no_grad()
def rank(supernet, kind: str, *strongest: int, edge: int = 0) -> None:
    """Set an edge's alphas so that these candidates lead in this order."""
    alpha = supernet.alphas[kind][edge]
    alpha.copy_(-torch.arange(4.0))
    for place, k in enumerate(strongest):
        alpha[k] = 10.0 - place


def stop_after(rule: RankingStop, supernet, changes: dict, epochs: int = 30, start: int = 1) -> int | None:
    """The epoch of the verdict; `changes[epoch]` is made before the end of that epoch."""
    for epoch in range(start, epochs + 1):
        if epoch in changes:
            changes[epoch]()
        with torch.no_grad():
            for alpha in supernet.alphas.values():
                alpha += 0.5  # moves all, ranks none anew
        if (verdict := rule.epoch_end(EpochEnd(supernet, epoch, None, True, None))) is not None:
            assert verdict.epoch == epoch and "has not changed for" in verdict.reason
            return epoch
    return None


def test_a_ranking_that_stays_ends_the_search(supernet):
    assert stop_after(RankingStop(epochs=10), supernet, {}) == 11  # ten epochs after the first that was looked at
    assert stop_after(RankingStop(epochs=3), supernet, {3: lambda: rank(supernet, "reduce", 3, 1, edge=1)}) == 6


def test_operations_without_weights_count_where_asked(supernet):
    change = {2: lambda: rank(supernet, "normal", 0, 2, 1, 3)}  # skip and pooling overtake, 1 stays before 3
    assert stop_after(RankingStop(epochs=3), supernet, change) == 4
    rank(supernet, "normal", 1, 3)
    assert stop_after(RankingStop(epochs=3, learnable=False), supernet, change) == 5


def test_the_skip_of_a_reduction_cell_has_weights_and_does_not_count(supernet):
    """At stride 2 it is a FactorizedReduce."""
    change = {2: lambda: rank(supernet, "reduce", 0, 1, 3)}
    assert list(supernet.cells[1].edges["2_0"].candidates["skip_connect"].parameters())
    assert stop_after(RankingStop(epochs=3), supernet, change) == 4


def test_removed_candidates_do_not_count(supernet):
    masks = {kind: torch.ones(2, 4, dtype=torch.bool) for kind in supernet.kinds}
    masks["normal"][0, 3] = False
    supernet.keep(masks)
    assert stop_after(RankingStop(epochs=3), supernet, {2: lambda: rank(supernet, "normal", 3, 1)}) == 4
    supernet.keep({kind: torch.eye(4, dtype=torch.bool)[1:3] for kind in supernet.kinds})
    RankingStop().schedule(supernet, 0.0)
    assert stop_after(RankingStop(epochs=3), supernet, {2: lambda: rank(supernet, "normal", 3, 1)}) == 4


def test_epochs_that_trained_no_alphas_leave_the_ranking_alone(supernet):
    rule = RankingStop(epochs=2)
    for epoch in range(1, 9):
        assert rule.epoch_end(EpochEnd(supernet, epoch, None, False, None)) is None
    assert stop_after(rule, supernet, {}, start=9) == 11
    assert rule.figures() == {"ranking_same_epochs": 2}


def test_the_ranking_survives_a_checkpoint(supernet):
    rule = RankingStop(epochs=4)
    assert stop_after(rule, supernet, {}, epochs=3) is None
    assert stop_after(reloaded(rule, RankingStop(epochs=4)), supernet, {}, start=4) == 5
    again = reloaded(rule, RankingStop(epochs=4))
    assert stop_after(again, supernet, {4: lambda: rank(supernet, "normal", 3, 1)}, start=4) == 8


def test_a_space_with_nothing_to_rank_is_named(supernet):
    RankingStop().schedule(supernet, 0.0)
    operations = {name: lambda channels, stride, affine: nn.AvgPool2d(3, stride, 1) for name in ("one", "other")}
    space = CellSpace(init_channels=2, layers=3, num_nodes=1, primitives=tuple(operations), operations=operations)
    other = space.supernet((1, 8, 8), 2, relaxation=Softmax(), mixing=full)
    with pytest.raises(ConfigError, match="learnable=false"):
        RankingStop().schedule(other, 0.0)
    RankingStop(learnable=False).schedule(other, 0.0)


def test_errors_are_named():
    with pytest.raises(ConfigError, match=r"skip_stop\.limit=0"):
        SkipStop(limit=0)
    with pytest.raises(ConfigError, match=r"ranking_stop\.epochs=0"):
        RankingStop(epochs=0)
    for rule in (SkipStop(), RankingStop()):
        with pytest.raises(ConfigError, match="never trains them"):
            rule.check(Combination(Softmax(), None, False, alphas_trained=False))
        rule.check(Combination(Softmax(), None, True))
