"""The derivation rule against an independent rewrite, and on gates where another rule would err."""

import collections
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darts_pl.derive import (
    SkipLimit,
    Strongest,
    Threshold,
    TopEdges,
    as_derivation,
    derive_genotype,
    num_edges,
    random_genotype,
    skip_limit,
    strongest,
    top_edges,
)
from darts_pl.errors import ConfigError, TrainingError
from darts_pl.genotype import Cell, Edge, Genotype

DARTS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


def rewritten_rule(gates: np.ndarray, primitives: list[str], num_nodes: int, keep: int) -> list[list[tuple]]:
    """The same rule another way: drop 'none', rank by (-gate, source), pick by (-gate, position)."""
    left = [k for k, name in enumerate(primitives) if name != "none"]
    nodes, first = [], 0
    for node in range(num_nodes):
        edges = []
        for source in range(node + 2):
            gate, position = min((-gates[first + source][k], k) for k in left)
            edges.append((gate, source, primitives[position]))
        nodes.append([(name, source) for _, source, name in sorted(edges)[:keep]])
        first += node + 2
    return nodes


def as_lists(cell) -> list[list[tuple]]:
    return [[(edge.op, edge.source) for edge in edges] for edges in cell.nodes]


@st.composite
def problems(draw):
    """Gates of few distinct values, so that ties are common, with 'none' anywhere or nowhere."""
    num_nodes, keep = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5, unique=True))
    if draw(st.booleans()):
        names.insert(draw(st.integers(0, len(names))), "none")
    value = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(-1, 1, width=32)
    size = num_edges(num_nodes) * len(names)
    values = draw(st.lists(value, min_size=size, max_size=size))
    return torch.tensor(values).reshape(-1, len(names)), names, num_nodes, keep


@given(problems())
def test_rule_equals_its_rewrite(problem):
    gates, names, num_nodes, keep = problem
    cell = TopEdges(keep)(gates, names, num_nodes)
    assert as_lists(cell) == rewritten_rule(gates.numpy(), names, num_nodes, keep)
    assert cell.concat == tuple(range(2, num_nodes + 2))


@given(problems())
def test_a_derived_genotype_is_well_formed(problem):
    gates, names, num_nodes, _ = problem
    genotype = derive_genotype({"normal": gates, "reduce": -gates}, names, num_nodes)
    assert Genotype.from_json(genotype.to_json()) == genotype


def test_raw_logits_would_mislead():
    names = ["none", "a", "b"]
    logits = torch.tensor([[5.0, 4.0, 4.0], [0.0, 3.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 2.0], [9.0, 8.0, 0.0]])
    gates = logits.softmax(-1)
    cell = top_edges(gates, names, num_nodes=2)
    # by logits edge 0 of node 0 (4 against 3) and source 2 of node 1 (8) would come first
    assert as_lists(cell) == [[("a", 1), ("a", 0)], [("b", 1), ("a", 0)]]
    assert as_lists(top_edges(logits, names, num_nodes=2)) == [[("a", 0), ("a", 1)], [("a", 2), ("b", 1)]]


def test_none_counts_neither_for_edges_nor_for_operations():
    gates = torch.tensor([[0.90, 0.06, 0.04], [0.10, 0.40, 0.50], [0.98, 0.01, 0.01], [0.4, 0.3, 0.3], [0.5, 0.1, 0.4]])
    cell = top_edges(gates, ["none", "a", "b"], num_nodes=2)
    assert as_lists(cell) == [[("b", 1), ("a", 0)], [("b", 2), ("a", 1)]]
    moved = top_edges(gates[:, [1, 0, 2]], ["a", "none", "b"], num_nodes=2)
    assert moved == cell


def test_maximum_not_sum_ranks_the_edges():
    gates = torch.tensor([[0.0, 0.6, 0.0], [0.0, 0.5, 0.5]])
    assert as_lists(TopEdges(keep=1)(gates, ["none", "a", "b"], 1)) == [[("a", 0)]]


def test_ties_go_to_the_lower_source_and_the_earlier_primitive():
    cell = top_edges(torch.full((14, 8), 0.125), DARTS, num_nodes=4)
    assert as_lists(cell) == [[("max_pool_3x3", 0), ("max_pool_3x3", 1)]] * 4


def test_half_precision_and_gradients_are_accepted():
    gates = torch.rand(14, 8, generator=torch.Generator().manual_seed(0))
    for dtype in (torch.bfloat16, torch.float16):
        low = gates.to(dtype).requires_grad_()
        assert top_edges(low, DARTS, num_nodes=4) == top_edges(low.detach().float(), DARTS, num_nodes=4)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_gates_that_are_not_finite_stop_the_derivation(value):
    gates = torch.rand(14, 8)
    gates[9, 0] = value
    with pytest.raises(TrainingError, match="edge 9"):
        top_edges(gates, DARTS, num_nodes=4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"primitives": ["none"]}, "besides 'none'"),
        ({"primitives": []}, "besides 'none'"),
        ({"primitives": ["a", "a"]}, "each name once"),
        ({"primitives": ["a", "b", "c"]}, r"found the shape \[2, 2\], expected \[2, 3\]"),
        ({"num_nodes": 2}, r"expected \[5, 2\]"),
        ({"num_nodes": 0}, "num_nodes: found 0"),
        ({"keep": 0}, "keep: found 0"),
    ],
)
def test_what_does_not_fit_is_named(arguments, words):
    values = {"primitives": ["none", "a"], "num_nodes": 1, "keep": 2, **arguments}
    with pytest.raises(ConfigError, match=words):
        TopEdges(values["keep"])(torch.ones(2, 2), values["primitives"], values["num_nodes"])


def test_both_cells_are_needed():
    with pytest.raises(ConfigError, match=r"found the cells \['normal'\]"):
        derive_genotype({"normal": torch.ones(2, 2)}, ["none", "a"], 1)


def test_random_genotypes_are_uniform_and_follow_the_seed():
    generator = torch.Generator().manual_seed(0)
    drawn = [random_genotype(DARTS, 4, generator) for _ in range(1000)]
    pairs, operations = collections.Counter(), collections.Counter()
    for genotype in drawn:
        assert Genotype.from_json(genotype.to_json()) == genotype
        pairs[tuple(edge.source for edge in genotype.reduce.nodes[3])] += 1
        operations.update(edge.op for edges in genotype.normal.nodes for edge in edges)
    assert len(pairs) == 10 and all(60 < count < 145 for count in pairs.values())  # 100 +- 4.6 deviations
    assert set(operations) == set(DARTS) - {"none"}
    assert all(980 < count < 1306 for count in operations.values())  # 8000 / 7 = 1143 +- 5.2 deviations
    assert drawn[0] == random_genotype(DARTS, 4, torch.Generator().manual_seed(0)) != drawn[1]


def test_a_random_node_never_uses_a_source_twice_and_may_keep_fewer():
    genotype = random_genotype(["skip_connect"], 3, torch.Generator().manual_seed(1), keep=4)
    everything = [tuple(Edge("skip_connect", source) for source in range(min(4, node + 2))) for node in range(3)]
    assert list(genotype.normal.nodes) == everything


def test_none_may_be_left_out_of_every_edge():
    strengths = torch.tensor([[0.6, 0.1, 0.3], [0.2, 0.5, 0.3], [0.8, 0.1, 0.1]])
    names = ["none", "skip_connect", "nor_conv_3x3"]
    with_it, without = (Strongest(none=none)(strengths, names, 2) for none in (True, False))
    assert [edge.op for node in with_it.nodes for edge in node] == ["none", "skip_connect", "none"]
    assert [edge.op for node in without.nodes for edge in node] == ["nor_conv_3x3", "skip_connect", "skip_connect"]


@pytest.mark.parametrize(
    ("spelled", "derivation"),
    [
        (partial(top_edges, keep=1), TopEdges(keep=1)),
        (partial(skip_limit, keep=2, limit=3, kinds=["reduce"]), SkipLimit(2, 3, ["reduce"])),
        (partial(strongest), Strongest()),
        (Threshold(), Threshold()),
    ],
)
def test_configurations_of_before_name_the_same_derivations(spelled, derivation):
    """`_target_: darts_pl.derive.top_edges` with `_partial_: true` stands in files of users."""
    assert as_derivation(spelled) == derivation


def first_inputs(strengths, primitives, *, num_nodes):
    """A derivation of somebody's: the last primitive on the two first inputs of each node."""
    return Cell(((Edge(primitives[-1], 0), Edge(primitives[-1], 1)),) * num_nodes, tuple(range(2, 2 + num_nodes)))


def by_kind(strengths, primitives, num_nodes, kind):
    """Another, that looks at the kind."""
    return first_inputs(strengths, [kind], num_nodes=num_nodes)


def test_a_plain_function_is_called_with_what_it_takes():
    gates = {"normal": torch.rand(5, 2), "reduce": torch.rand(5, 2)}
    genotype = derive_genotype(gates, ["a", "b"], 2, as_derivation(first_inputs))
    assert {edge.op for node in genotype.normal.nodes for edge in node} == {"b"}
    genotype = derive_genotype(gates, ["a", "b"], 2, as_derivation(by_kind))
    assert {edge.op for node in genotype.reduce.nodes for edge in node} == {"reduce"}
    passed = as_derivation(lambda *positional, **named: first_inputs(*positional, **named))
    assert passed.chooses_inputs and passed(gates["normal"], ["a", "b"], 2) == first_inputs(None, "ab", num_nodes=2)


def test_a_function_without_num_nodes_names_an_operation_an_edge():
    derivation = as_derivation(lambda strengths, primitives: [primitives[0]] * len(strengths))
    assert not derivation.chooses_inputs
    cell = derivation(torch.ones(6, 2), ["a", "b"], 3)
    assert cell == Cell(tuple(tuple(Edge("a", source) for source in range(n)) for n in (1, 2, 3)), (3,), 1)
    assert Strongest()(torch.eye(5)[:, :2], ["a", "b"], 2).nodes[1] == (Edge("a", 0), Edge("a", 1), Edge("a", 2))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (3, "derivation: found 3, expected one such as"),
        (lambda gates: None, r"cannot be called: too many positional arguments. Expected def <lambda>\(strengths"),
        (lambda gates, primitives, layers: None, "missing a required argument: 'layers'"),
    ],
)
def test_what_cannot_be_a_derivation_is_told_at_once(function, words):
    with pytest.raises(ConfigError, match=words):
        as_derivation(function)


def test_a_function_that_returns_no_cell_is_named():
    with pytest.raises(ConfigError, match=r"derivation: <lambda> returned None, expected a darts_pl\.genotype\.Cell"):
        as_derivation(lambda strengths, primitives: None)(torch.ones(2, 2), ["a", "b"], 1)
