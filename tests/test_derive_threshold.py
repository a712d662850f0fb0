"""The threshold rule: at most two edges a node, fewer where gates stay below it, never none."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darts_pl.derive import Threshold, TopEdges, num_edges
from darts_pl.errors import ConfigError

NAMES = ("none", "a", "b")


def cell(gates: list[list[float]], num_nodes: int, **settings):
    return Threshold(**settings)(torch.tensor(gates, dtype=torch.float64), NAMES, num_nodes)


def as_lists(found) -> list[list[tuple]]:
    return [[(edge.op, edge.source) for edge in edges] for edges in found.nodes]


def test_an_edge_below_the_threshold_is_dropped():
    gates = [[0.99, 0.9, 0.1], [0.0, 0.2, 0.84], [0.0, 0.86, 0.87], [0.0, 0.95, 0.1], [0.0, 0.0, 0.9]]
    assert as_lists(cell(gates, 2)) == [[("a", 0)], [("a", 1), ("b", 2)]]
    assert as_lists(cell(gates, 2, threshold=0.84)) == [[("a", 0), ("b", 1)], [("a", 1), ("b", 2)]]
    assert as_lists(cell(gates, 2, keep=3)) == [[("a", 0)], [("a", 1), ("b", 2), ("b", 0)]]


def test_a_node_keeps_its_strongest_edge_at_least():
    assert as_lists(cell([[0.99, 0.1, 0.2], [0.99, 0.3, 0.1]], 1)) == [[("a", 1)]]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_gate(value):
    with pytest.raises(ConfigError, match=r"derivation\.threshold=.*: expected a number from 0 to 1"):
        cell([[0.0, 0.1, 0.2], [0.0, 0.3, 0.1]], 1, threshold=value)


@given(st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.85, 1.0]), st.integers(0, 10**6))
def test_the_rule_equals_its_rewrite(num_nodes, level, seed):
    """All edges of a node sorted by strength, cut after two and below the level; with the level 0 it is DARTS's."""
    gates = torch.rand(num_edges(num_nodes), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    found = as_lists(Threshold(threshold=level)(gates, NAMES, num_nodes))
    first = 0
    for node in range(num_nodes):
        ranked = sorted((-float(gates[first + i, 1:].max()), i) for i in range(node + 2))[:2]
        kept = [(NAMES[1 + int(gates[first + i, 1:].argmax())], i) for value, i in ranked if -value >= level]
        strongest = ranked[0][1]
        assert found[node] == (kept or [(NAMES[1 + int(gates[first + strongest, 1:].argmax())], strongest)])
        first += node + 2
    if level == 0.0:
        assert found == as_lists(TopEdges()(gates, NAMES, num_nodes))
