"""What makes a cell well formed, told on plain lists so that every reader shares one set of messages."""

from collections.abc import Iterable, Mapping

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError, nearest

FIRST_STATE = 2  # states 0 and 1 are the outputs of the two preceding cells
MOST_NODES, MOST_EDGES = 100, 2_000  # of one cell; the published ones have 5 nodes and 10 edges


def node_place(place: str, node: int, first_state: int = FIRST_STATE) -> str:
    """The words for one node in a message: its index and, as sources count states, its state."""
    return f"{place} node {node} (state {node + first_state})"


def check_keys(found: object, expected: Iterable[str], place: str) -> Mapping:
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


def check_nodes(nodes: object, place: str) -> list[list[tuple[str, int]]]:
    """The nodes of one cell as lists of (operation, source) pairs, order kept.

    Raises:
        GenotypeError: a wrong type, a node without edges, an empty operation, a source not computed yet.
    """
    if not isinstance(nodes, list | tuple) or not nodes:
        raise GenotypeError(f"{place}: found {kind(nodes)} as nodes, expected a list with at least one node")
    if len(nodes) > MOST_NODES:
        raise GenotypeError(f"{place}: found {len(nodes):,} nodes, expected at most {MOST_NODES}")
    checked = [_check_node(edges, index, node_place(place, index)) for index, edges in enumerate(nodes)]
    if (count := sum(map(len, checked))) > MOST_EDGES:
        raise GenotypeError(f"{place}: found {count:,} edges, expected at most {MOST_EDGES:,}")
    return checked


def _check_node(edges: object, index: int, place: str) -> list[tuple[str, int]]:
    if not isinstance(edges, list | tuple):
        raise GenotypeError(f"{place}: found {kind(edges)}, expected a list of [operation, source] pairs")
    if not edges:
        raise GenotypeError(f"{place} is missing: found no edge, expected at least one [operation, source] pair")
    return [_check_edge(edge, index + FIRST_STATE, f"{place}, edge {k}") for k, edge in enumerate(edges)]


def _check_edge(edge: object, state: int, place: str) -> tuple[str, int]:
    if not isinstance(edge, list | tuple) or len(edge) != 2:
        raise GenotypeError(f"{place}: found {kind(edge)}, expected a pair [operation, source]")
    op, source = edge
    if not isinstance(op, str) or not op.strip():
        raise GenotypeError(f"{place}: found operation {shown(repr(op))}, expected the name of an operation")
    if not is_int(source) or not 0 <= source < state:
        raise GenotypeError(f"{place}: found source {shown(repr(source))}, expected a state from 0 to {state - 1}")
    return op, source


def check_concat(concat: object, num_nodes: int, place: str) -> list[int]:
    """The states that form the output of a cell of `num_nodes` nodes, order kept.

    Raises:
        GenotypeError: a wrong type, an empty list, a repeated state or one that the cell does not compute.
    """
    if not isinstance(concat, list | tuple) or not concat or not all(map(is_int, concat)):
        raise GenotypeError(f"{place} concat: found {shown(repr(concat))}, expected a list of states such as [2, 3]")
    last = num_nodes + FIRST_STATE - 1
    for state in concat:
        if not FIRST_STATE <= state <= last:
            raise GenotypeError(
                f"{place} concat: found state {state}, expected one of {FIRST_STATE} to {last}, "
                f"as the cell has {num_nodes} nodes; is a node missing?"
            )
    if len(set(concat)) != len(concat):
        raise GenotypeError(f"{place} concat: found {shown(repr(list(concat)))}, expected each state once")
    return list(concat)


def is_int(value: object) -> bool:
    """Whether `value` is a whole number; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def kind(value: object) -> str:
    """A short description of what was found, for messages."""
    return f"{type(value).__name__} {shown(repr(value))}"
