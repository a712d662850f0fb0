"""P-DARTS' limit of skip connections: against every choice there is, by the definition, on small cells."""

import pytest
import torch

from darts_pl.derive import SkipLimit, TopEdges, derive_genotype
from darts_pl.errors import ConfigError

PRIMITIVES = ("none", "skip_connect", "sep", "pool")
SKIP, OTHERS = 1, (2, 3)


def drawn(seed: int, num_nodes: int = 4, lean: float = 0.3):
    """Gates [E, 4] that lean towards skips."""
    gates = torch.rand(num_nodes * (num_nodes + 3) // 2, 4, generator=torch.Generator().manual_seed(seed))
    gates[:, SKIP] += lean
    return gates / gates.sum(dim=1, keepdim=True)


def skips(cell) -> int:
    return sum(edge.op == "skip_connect" for edges in cell.nodes for edge in edges)


def by_definition(gates, num_nodes: int, limit: int):
    """[(operation, source), …] a node: plain lists, sorting, and one gate set to zero at a time."""
    rows = gates.double().tolist()
    while True:
        cell, places, first = [], [], 0
        for node in range(num_nodes):
            edges = []
            for source in range(node + 2):
                row = rows[first + source]
                best = max((SKIP, *OTHERS), key=lambda k: row[k])
                edges.append((-row[best], source, best))
            chosen = sorted(edges)[:2]
            cell.append([(PRIMITIVES[k], source) for _, source, k in chosen])
            places += [(-strength, first + source) for strength, source, k in chosen if k == SKIP]
            first += node + 2
        if len(places) <= limit:
            return cell
        rows[min(places)[1]][SKIP] = 0.0


@pytest.mark.parametrize("limit", [0, 1, 2, 5])
def test_as_the_definition_says(limit):
    changed = 0
    for seed in range(40):
        gates = drawn(seed)
        cell = SkipLimit(limit=limit)(gates, PRIMITIVES, 4)
        assert [[(edge.op, edge.source) for edge in edges] for edges in cell.nodes] == by_definition(gates, 4, limit)
        assert skips(cell) <= limit
        changed += cell != TopEdges()(gates, PRIMITIVES, 4)
    assert changed > (25 if limit < 5 else 0)


def test_by_hand():
    """One node: edge 0 has skip .6 over sep .2, edge 1 skip .5 over sep .45; the weaker skip gives way."""
    gates = torch.tensor([[0.1, 0.6, 0.2, 0.1], [0.0, 0.5, 0.45, 0.05]])
    cell = SkipLimit(limit=1)(gates, PRIMITIVES, 1)
    assert [(edge.op, edge.source) for edge in cell.nodes[0]] == [("skip_connect", 0), ("sep", 1)]
    cell = SkipLimit(limit=0)(gates, PRIMITIVES, 1)
    assert [(edge.op, edge.source) for edge in cell.nodes[0]] == [("sep", 1), ("sep", 0)]


def test_only_the_normal_cell_and_the_gates_stay_as_they_were():
    gates = drawn(3, lean=2.0)
    before = gates.clone()
    genotype = derive_genotype({"normal": gates, "reduce": gates}, PRIMITIVES, 4, SkipLimit())
    assert (skips(genotype.normal), skips(genotype.reduce)) == (2, 8)
    assert torch.equal(gates, before)
    both = SkipLimit(kinds=["normal", "reduce"])
    assert skips(derive_genotype({"normal": gates, "reduce": gates}, PRIMITIVES, 4, both).reduce) == 2


def test_dropped_candidates_never_come_back():
    """Where a phase has left an edge nothing besides skip (and none), the edge keeps it or goes."""
    gates = drawn(1, 2, lean=2.0)
    gates[:, 2:] = 0.0
    cell = SkipLimit(limit=0)(gates, PRIMITIVES, 2)
    assert {edge.op for edges in cell.nodes for edge in edges} == {"skip_connect"}
    gates[2, 3] = 1e-30  # into the second node, the weakest there is
    cell = SkipLimit(limit=0)(gates, PRIMITIVES, 2)
    assert [edge.op for edge in cell.nodes[1]] == ["pool", "skip_connect"]


@pytest.mark.parametrize(
    ("settings", "words"), [({"limit": -1}, "derivation.limit=-1"), ({"kinds": "normal"}, "derivation.kinds='normal'")]
)
def test_values_that_cannot_be(settings, words):
    with pytest.raises(ConfigError, match=words):
        SkipLimit(**settings)(drawn(0), PRIMITIVES, 4)
