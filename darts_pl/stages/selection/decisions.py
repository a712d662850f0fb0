"""What DARTS-PT decides, in which order, and how a decision changes the supernet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from darts_pl.relaxations import Relaxation
from darts_pl.seeds import derived_seed
from darts_pl.spaces.base import Supernet

DROPPED = -1


@dataclass(frozen=True)
class Question:
    """One thing to decide: the operation of the edge `row` of `kind`, or which input the node `node` loses.

    Args:
        stage: questions of one stage are asked without training in between.
    """

    stage: int
    kind: str
    row: int | None = None
    node: int | None = None


@dataclass(frozen=True)
class Decision:
    """The edge `row` of `kind` has the operation `column`, or with `DROPPED` is no edge any more.

    Args:
        cost: what the removal of the operation or the edge costs, in the metric.
    """

    kind: str
    row: int
    column: int
    cost: float


class Settled(Relaxation):
    """The expected gates of another relaxation, as they are after the search: nothing drawn, nothing annealed. An edge
    with one candidate left is exactly that candidate, an edge with none is dropped: its gates are all 0."""

    def __init__(self, relaxation: Relaxation):
        super().__init__()
        self.relaxation = relaxation

    def forward(self, alpha: Tensor) -> Tensor:
        """Logits [E, K], -inf where a candidate is not left → gates [E, K]."""
        left = torch.isfinite(alpha)
        count = left.sum(dim=1, keepdim=True)
        gates = self.relaxation.expected(alpha.masked_fill(count == 0, 0.0))
        return torch.where(count > 1, gates, left.to(gates))

    def expected(self, alpha: Tensor) -> Tensor:
        """The same."""
        return self(alpha)


def questions(supernet: Supernet, edges_kept: int | None, seed: int) -> list[Question]:
    """All questions in order: a stage an edge of each kind, then a stage a node of each kind that has more than
    `edges_kept` inputs (None: nodes keep all). Edges and nodes come in an order drawn for each kind from the seed.
    """
    edges = {kind: _shuffled(range(len(nodes)), seed, kind, "edges") for kind, nodes in supernet.targets.items()}
    found = [Question(stage, kind, row=row) for stage, kind, row in _in_turn(edges)]
    if edges_kept is None:
        return found
    wide = {
        kind: _shuffled([n for n in dict.fromkeys(nodes) if nodes.count(n) > edges_kept], seed, kind, "nodes")
        for kind, nodes in supernet.targets.items()
    }
    first = 1 + max(question.stage for question in found)
    for stage, kind, node in _in_turn(wide):
        surplus = supernet.targets[kind].count(node) - edges_kept
        found += [Question(first + stage, kind, node=node)] * surplus
    return found


def _shuffled(items: Sequence[int], seed: int, kind: str, what: str) -> list[int]:
    generator = torch.Generator().manual_seed(derived_seed(seed, "selection", kind, what))
    return [items[index] for index in torch.randperm(len(items), generator=generator).tolist()]


def _in_turn(items: dict[str, list[int]]) -> Iterator[tuple[int, str, int]]:
    for stage in range(max(map(len, items.values()))):
        for kind, each in items.items():
            if stage < len(each):
                yield stage, kind, each[stage]


def apply(decision: Decision, supernet: Supernet) -> None:
    """Leave the edge its operation alone, the modules of the others removed, or take its last operation's gate away."""
    kept = supernet.kept(decision.kind)
    kept[decision.row] = False
    if decision.column == DROPPED:
        return
    kept[decision.row, decision.column] = True
    for cell in supernet.cells:
        if cell.kind == decision.kind:
            choice = list(cell.mixed_operations().values())[decision.row]
            choice.keep([choice.names[decision.column]])


def inputs(supernet: Supernet, question: Question) -> list[int]:
    """The rows of the edges into the question's node that are not dropped."""
    left = supernet.kept(question.kind).any(dim=1).tolist()
    nodes = supernet.targets[question.kind]
    return [row for row, node in enumerate(nodes) if node == question.node and left[row]]
