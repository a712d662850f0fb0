"""From gates to a genotype: one function a rule, and a random genotype for comparison.

Edges are counted node by node: node i has 2 + i incoming edges, from the states 0 to 1 + i in this order.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from darts_pl.errors import ConfigError, TrainingError
from darts_pl.genotype import Cell, Edge, Genotype

NONE = "none"
Rule = Callable[..., Cell]


def num_edges(num_nodes: int) -> int:
    """The number of edges of a cell with `num_nodes` intermediate nodes: 14 for 4 nodes."""
    return num_nodes * (num_nodes + 3) // 2


def top_edges(gates: Tensor, primitives: Sequence[str], *, num_nodes: int, keep: int = 2) -> Cell:
    """The rule of DARTS (arXiv:1806.09055, section 2.4): the `keep` strongest edges of each node.

    An edge is as strong as its largest gate among the operations other than "none", and gets the operation of
    that gate. Gates, not logits: edges can only be compared after the relaxation. Ties go to the lower source
    and the earlier primitive; the kept edges are written strongest first, as the original code does. A node
    with fewer than `keep` edges keeps them all.

    Args:
        gates: relaxed weights of one cell, [E, K].
        primitives: the K operation names; "none" may be absent.

    Raises:
        ConfigError: shapes, names or `keep` do not fit each other, or there is no operation besides "none".
        TrainingError: a gate is not finite.
    """
    columns = _choosable(primitives)
    _check_keep(keep)
    nodes = [
        _strongest([[row[k] for k in columns] for row in rows], [primitives[k] for k in columns], keep)
        for rows in _rows_by_node(gates, len(primitives), num_nodes)
    ]
    return _cell(nodes)


def derive_genotype(
    gates: Mapping[str, Tensor], primitives: Sequence[str], num_nodes: int, rule: Rule = top_edges
) -> Genotype:
    """The genotype of the gates {"normal": [E, K], "reduce": [E, K]} by `rule`.

    Raises:
        ConfigError: a cell is missing, or as `rule` raises it.
        TrainingError: a gate is not finite.
    """
    if set(gates) != {"normal", "reduce"}:
        raise ConfigError(f"gates: found the cells {sorted(gates)}, expected ['normal', 'reduce']")
    return Genotype(**{name: rule(gates[name], primitives, num_nodes=num_nodes) for name in gates})


def random_genotype(primitives: Sequence[str], num_nodes: int, generator: torch.Generator, keep: int = 2) -> Genotype:
    """A genotype drawn uniformly: distinct sources for each node, operations other than "none".

    Both cells are drawn from `generator` (on the CPU), so that its seed determines the result.

    Raises:
        ConfigError: `keep` or `num_nodes` is below 1, or there is no operation besides "none".
    """
    names = [primitives[k] for k in _choosable(primitives)]
    _check_keep(keep)
    _check_num_nodes(num_nodes)

    def node(index: int) -> list[Edge]:
        sources = torch.randperm(index + 2, generator=generator)[:keep].sort().values.tolist()
        choices = torch.randint(len(names), (len(sources),), generator=generator).tolist()
        return [Edge(names[choice], source) for choice, source in zip(choices, sources)]

    normal, reduce = (_cell([node(index) for index in range(num_nodes)]) for _ in range(2))
    return Genotype(normal, reduce)


def _strongest(rows: list[list[float]], names: list[str], keep: int) -> list[Edge]:
    """The kept edges of one node; `rows[source]` holds the gates of the operations `names`."""
    ranked = sorted(range(len(rows)), key=lambda source: -max(rows[source]))  # stable: ties keep the lower source
    return [Edge(names[rows[source].index(max(rows[source]))], source) for source in ranked[:keep]]


def _cell(nodes: list[list[Edge]]) -> Cell:
    """The cell of these nodes; every intermediate state is part of the output."""
    return Cell(tuple(map(tuple, nodes)), tuple(range(2, 2 + len(nodes))))


def _rows_by_node(gates: Tensor, num_ops: int, num_nodes: int) -> list[list[list[float]]]:
    """The rows of `gates` as lists of numbers, grouped by the node that their edges enter."""
    _check_num_nodes(num_nodes)
    expected = (num_edges(num_nodes), num_ops)
    if tuple(gates.shape) != expected:
        raise ConfigError(
            f"gates: found the shape {list(gates.shape)}, expected {list(expected)}: "
            f"the edges of {num_nodes} nodes by operations"
        )
    rows = gates.detach().to("cpu", torch.float64).tolist()
    for edge, row in enumerate(rows):
        if not all(map(math.isfinite, row)):
            raise TrainingError(f"gates: edge {edge} holds {row}, expected finite numbers; the search has diverged")
    starts = [num_edges(node) for node in range(num_nodes + 1)]
    return [rows[start:end] for start, end in itertools.pairwise(starts)]


def _choosable(primitives: Sequence[str]) -> list[int]:
    """The positions of the primitives that a derived network may use."""
    if len(set(primitives)) != len(primitives):
        raise ConfigError(f"primitives: found {list(primitives)}, expected each name once")
    columns = [k for k, name in enumerate(primitives) if name != NONE]
    if not columns:
        raise ConfigError(f"primitives: found {list(primitives)}, expected an operation besides {NONE!r}")
    return columns


def _check_keep(keep: int) -> None:
    if keep < 1:
        raise ConfigError(f"keep: found {keep}, expected at least one edge for each node")


def _check_num_nodes(num_nodes: int) -> None:
    if num_nodes < 1:
        raise ConfigError(f"num_nodes: found {num_nodes}, expected at least 1")
