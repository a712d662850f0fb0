"""Edges and cells as frozen dataclasses, and what makes a cell well formed, with one set of messages for all readers.

A cell of a genotype lists, for each intermediate node, the chosen (operation, source state) pairs. States 0
and 1 are the outputs of the two preceding cells, state 2 is the first intermediate node (DARTS,
arXiv:1806.09055, section 2.1).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest

FIRST_STATE = 2  # states 0 and 1 are the outputs of the two preceding cells
MOST_NODES, MOST_EDGES = 100, 2_000  # of one cell; the published ones have 5 nodes and 10 edges


@dataclass(frozen=True)
class Edge:
    """One chosen operation `op` applied to the state `source`."""

    op: str
    source: int


@dataclass(frozen=True)
class Cell:
    """A discrete cell: `nodes[i]` holds the edges into state i + `first_state`; `concat` the states of the output.

    Args:
        first_state: the state that `nodes[0]` makes, which is the number of the cell's inputs.
    """

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]
    first_state: int = field(default=FIRST_STATE, repr=False)

    @classmethod
    def from_lists(cls, nodes: object, concat: object, place: str = "cell", first_state: int = FIRST_STATE) -> "Cell":
        """A cell from plain lists of [operation, source] pairs, checked.

        Raises:
            GenotypeError: the lists are no well-formed cell; the message begins with `place`.
        """
        checked = _checked_nodes(nodes, place, first_state)
        states = range(first_state, first_state + len(checked))
        return cls(checked, _checked_concat(concat, states, place), first_state)

    @classmethod
    def from_document(cls, document: object, place: str, first_state: int = FIRST_STATE) -> "Cell":
        """A cell from the object {"nodes": ..., "concat": ...} of a file; raises as `from_lists`."""
        lists = check_keys(document, ("nodes", "concat"), place)
        return cls.from_lists(lists["nodes"], lists["concat"], place, first_state)

    def to_document(self) -> dict[str, list[object]]:
        """What `from_document` reads."""
        nodes: list[object] = [[[edge.op, edge.source] for edge in edges] for edges in self.nodes]
        return {"nodes": nodes, "concat": list(self.concat)}

    @property
    def text(self) -> str:
        """The nodes on one line: "2: sep_conv_3x3(0) + skip_connect(1); 3: ..."."""
        return "; ".join(
            f"{state}: " + " + ".join(f"{edge.op}({edge.source})" for edge in node)
            for state, node in enumerate(self.nodes, start=self.first_state)
        )

    def describe(self, title: str) -> list[str]:
        """A line a node: "`title`: state 2 = sep_conv_3x3(state 0) + ..."."""
        return [
            f"{title}: state {state} = " + " + ".join(f"{edge.op}(state {edge.source})" for edge in node)
            for state, node in enumerate(self.nodes, start=self.first_state)
        ]


def check_whole_cell(cell: Cell, place: str) -> None:
    """Raises GenotypeError where a node has a source twice or the operation none, or not all nodes form the output."""
    for index, node in enumerate(cell.nodes):
        sources = [edge.source for edge in node]
        if len(set(sources)) < len(sources):
            raise GenotypeError(
                f"{node_place(place, index)}: found the sources {shown(repr(sources))}, expected each state once"
            )
        for edge in node:
            if edge.op == "none":
                raise GenotypeError(
                    f"{node_place(place, index)}: found 'none', expected an edge to be left out instead"
                )
    states = list(range(FIRST_STATE, FIRST_STATE + len(cell.nodes)))
    if sorted(cell.concat) != states:
        raise GenotypeError(f"{place} concat: found {list(cell.concat)}, expected {states}: all nodes form the output")


def node_place(place: str, node: int, first_state: int = FIRST_STATE) -> str:
    """The words for one node in a message: its index and, as sources count states, its state."""
    return f"{place} node {node} (state {node + first_state})"


def check_keys(found: object, expected: Iterable[str], place: str) -> Mapping[str, object]:
    """`found`, once it is known to be a mapping with exactly the keys `expected`.

    Raises:
        GenotypeError: another type, a key too many or a key too few.
    """
    expected = list(expected)
    if not isinstance(found, Mapping):
        raise GenotypeError(f"{place}: found {kind(found)}, expected an object with {', '.join(expected)}")
    for key in found:
        if key not in expected:
            raise GenotypeError(f"{place}: unknown key {shown(repr(key))}. {nearest(key, expected)}")
    for key in expected:  # all keys that were found are among them, so they are few
        if key not in found:
            raise GenotypeError(f"{place}: key {key!r} is missing; found {', '.join(map(repr, found)) or 'none'}")
    return found


def _checked_nodes(nodes: object, place: str, first_state: int) -> tuple[tuple[Edge, ...], ...]:
    if not isinstance(nodes, list | tuple) or not nodes:
        raise GenotypeError(f"{place}: found {kind(nodes)} as nodes, expected a list with at least one node")
    if len(nodes) > MOST_NODES:
        raise GenotypeError(f"{place}: found {len(nodes):,} nodes, expected at most {MOST_NODES}")
    checked = tuple(
        _checked_node(edges, index + first_state, node_place(place, index, first_state))
        for index, edges in enumerate(nodes)
    )
    if (count := sum(map(len, checked))) > MOST_EDGES:
        raise GenotypeError(f"{place}: found {count:,} edges, expected at most {MOST_EDGES:,}")
    return checked


def _checked_node(edges: object, state: int, place: str) -> tuple[Edge, ...]:
    if not isinstance(edges, list | tuple):
        raise GenotypeError(f"{place}: found {kind(edges)}, expected a list of [operation, source] pairs")
    if not edges:
        raise GenotypeError(f"{place} is missing: found no edge, expected at least one [operation, source] pair")
    return tuple(_checked_edge(edge, state, f"{place}, edge {k}") for k, edge in enumerate(edges))


def _checked_edge(edge: object, state: int, place: str) -> Edge:
    if not isinstance(edge, list | tuple) or len(edge) != 2:
        raise GenotypeError(f"{place}: found {kind(edge)}, expected a pair [operation, source]")
    op, source = edge
    if not isinstance(op, str) or not op.strip():
        raise GenotypeError(f"{place}: found operation {shown(repr(op))}, expected the name of an operation")
    if not is_int(source) or not 0 <= source < state:
        raise GenotypeError(f"{place}: found source {shown(repr(source))}, expected a state from 0 to {state - 1}")
    return Edge(op, source)


def _checked_concat(concat: object, states: range, place: str) -> tuple[int, ...]:
    """The states that form the output of a cell whose nodes make `states`, order kept."""
    if not isinstance(concat, list | tuple) or not concat or not all(map(is_int, concat)):
        raise GenotypeError(f"{place} concat: found {shown(repr(concat))}, expected a list of states such as [2, 3]")
    for state in concat:
        if state not in states:
            raise GenotypeError(
                f"{place} concat: found state {state}, expected one of {states[0]} to {states[-1]}, "
                f"as the cell has {len(states)} nodes; is a node missing?"
            )
    if len(set(concat)) != len(concat):
        raise GenotypeError(f"{place} concat: found {shown(repr(list(concat)))}, expected each state once")
    return tuple(concat)


def is_int(value: object) -> TypeGuard[int]:
    """Whether `value` is a whole number; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def kind(value: object) -> str:
    """A short description of what was found, for messages."""
    return f"{type(value).__name__} {shown(repr(value))}"
