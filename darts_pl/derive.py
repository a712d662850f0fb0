"""From gates to a genotype: one function a rule, and a random genotype for comparison.

Edges are counted node by node: node i has 2 + i incoming edges, from the states 0 to 1 + i in this order.
"""

import inspect
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


def threshold(
    gates: Tensor, primitives: Sequence[str], *, num_nodes: int, threshold: float = 0.85, keep: int = 2
) -> Cell:
    """The rule of FairDARTS (arXiv:1911.12126): as `top_edges`, but an edge counts only where its largest gate reaches
    `threshold`, so that a node may have fewer than `keep` edges.

    It is made for gates that go to 0 or 1 each for itself, see `Sigmoid`. The released code may leave a node without
    an edge, a state of zeros; a node here keeps its strongest edge whatever its gate, as a genotype has at least one
    edge a node. "none", which FairDARTS leaves out of its primitives, is never chosen.

    Args and raises: as `top_edges`; ConfigError also for a threshold outside [0, 1].
    """
    columns = _choosable(primitives)
    _check_keep(keep)
    if not 0 <= threshold <= 1:
        raise ConfigError(f"derivation.threshold={threshold}: expected a number from 0 to 1, as gates are")
    names, nodes = [primitives[k] for k in columns], []
    for rows in _rows_by_node(gates, len(primitives), num_nodes):
        rows = [[row[k] for k in columns] for row in rows]
        edges = _strongest(rows, names, keep)
        nodes.append([edge for edge in edges if max(rows[edge.source]) >= threshold] or edges[:1])
    return _cell(nodes)


def derive_genotype(
    gates: Mapping[str, Tensor], primitives: Sequence[str], num_nodes: int, rule: Rule = top_edges
) -> Genotype:
    """The genotype of the gates {"normal": [E, K], "reduce": [E, K]} by `rule`, called once a cell; a rule with an
    argument `kind` is told which.

    Raises:
        ConfigError: a cell is missing, or as `rule` raises it.
        TrainingError: a gate is not finite.
    """
    if set(gates) != {"normal", "reduce"}:
        raise ConfigError(f"gates: found the cells {sorted(gates)}, expected ['normal', 'reduce']")
    by_kind = "kind" in inspect.signature(rule).parameters
    cells = {
        name: rule(gates[name], primitives, num_nodes=num_nodes, **({"kind": name} if by_kind else {}))
        for name in gates
    }
    return Genotype(**cells)


def random_genotype(primitives: Sequence[str], num_nodes: int, generator: torch.Generator, keep: int = 2) -> Genotype:
    """A genotype drawn uniformly: distinct sources for each node, operations other than "none".

    Both cells are drawn from `generator` (on the CPU), so that its seed determines the result.

    Raises:
        ConfigError: `keep` or `num_nodes` is below 1, or there is no operation besides "none".
    """
    normal, reduce = (random_cell(primitives, num_nodes, generator, keep) for _ in range(2))
    return Genotype(normal, reduce)


def random_cell(primitives: Sequence[str], num_nodes: int, generator: torch.Generator, keep: int = 2) -> Cell:
    """A cell drawn uniformly, see `random_genotype`."""
    names = [primitives[k] for k in _choosable(primitives)]
    _check_keep(keep)
    _check_num_nodes(num_nodes)

    def node(index: int) -> list[Edge]:
        sources = torch.randperm(index + 2, generator=generator)[:keep].sort().values.tolist()
        choices = torch.randint(len(names), (len(sources),), generator=generator).tolist()
        return [Edge(names[choice], source) for choice, source in zip(choices, sources)]

    return _cell([node(index) for index in range(num_nodes)])


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


def strongest(gates: Tensor, primitives: Sequence[str]) -> tuple[str, ...]:
    """The rule of spaces in which every edge holds one operation, such as NAS-Bench-201: on each edge the operation
    with the largest gate, "none" included, as the DARTS of NAS-Bench-201 derives (arXiv:2001.00326, released
    code). Ties go to the earlier primitive.

    Args:
        gates: relaxed weights of the cell, [E, K].
        primitives: the K operation names.

    Raises:
        ConfigError: gates of another shape. TrainingError: a gate is not finite.
    """
    if gates.ndim != 2 or gates.shape[1] != len(primitives):
        raise ConfigError(f"gates: found the shape {list(gates.shape)}, expected [edges, {len(primitives)}]")
    if not torch.isfinite(gates).all():
        raise TrainingError(f"gates: found {gates.tolist()}, expected finite numbers; the search has diverged")
    rows = gates.detach().to("cpu", torch.float64).tolist()
    return tuple(primitives[row.index(max(row))] for row in rows)


def chooses_inputs(rule: Rule) -> bool:
    """Whether `rule` chooses among a node's inputs, as those of the cell space do: it then asks for `num_nodes`."""
    parameters = inspect.signature(rule).parameters.values()
    return any(p.name == "num_nodes" or p.kind is p.VAR_KEYWORD for p in parameters)


SKIP = "skip_connect"
SUPPRESSED = 1e-300  # below every gate that float32 can hold, above the 0 of a candidate that was dropped


def skip_limit(
    gates: Tensor,
    primitives: Sequence[str],
    *,
    num_nodes: int,
    keep: int = 2,
    limit: int = 2,
    kind: str = "normal",
    kinds: Sequence[str] = ("normal",),
) -> Cell:
    """`top_edges` with at most `limit` skip connections in cells of `kinds`: the second half of P-DARTS' regularisation
    (arXiv:1904.12760, section 3.3; the first is the rule of the search `SkipDropout`).

    How many skip connections a cell has decides more about its depth and its parameters than anything else the search
    finds, so P-DARTS fixes it: while the derived cell has more than M of them, the weakest of those it has loses its
    gate and the cell is derived anew. Its edge then stands with its next strongest operation, and may give way to
    another edge. The paper and the released code do so in the normal cell only, with M = 2, and so do the defaults.
    The released code writes down the cells for every M from 8 to 0; here one is asked for.

    A skip that is the only operation left on an edge (its gate suppressed, not zero) is taken where the node has no
    other edge to offer, so the limit can be exceeded where earlier drops leave no choice.

    Args:
        kind: of the cell at hand, as `derive_genotype` says. kinds: those that the limit holds for.
        gates, primitives, keep: as `top_edges`.

    Raises:
        ConfigError: a negative limit, or as `top_edges`. TrainingError: a gate is not finite.
    """
    if limit < 0:
        raise ConfigError(f"derivation.limit={limit}: expected at least 0")
    if isinstance(kinds, str):
        raise ConfigError(f"derivation.kinds={kinds!r}: expected a list of kinds of cells, such as [{kinds}]")
    gates = gates.detach().to("cpu", torch.float64).clone()
    cell = top_edges(gates, primitives, num_nodes=num_nodes, keep=keep)
    if kind not in kinds or SKIP not in primitives:
        return cell
    column = list(primitives).index(SKIP)
    while True:
        chosen = [
            num_edges(node) + edge.source for node, edges in enumerate(cell.nodes) for edge in edges if edge.op == SKIP
        ]
        left = [row for row in chosen if gates[row, column] > SUPPRESSED]
        if len(chosen) <= limit or not left:
            return cell
        weakest = min(left, key=lambda row: float(gates[row, column]))  # of equals the first
        gates[weakest, column] = SUPPRESSED
        cell = top_edges(gates, primitives, num_nodes=num_nodes, keep=keep)
