"""The architecture of NNI's model space hub (github.com/microsoft/nni): {"normal/op_2_0": ..., ...}.

`<cell>/op_<state>_<k>` names the operation of the k-th edge into `state`; `<cell>/input_...` its source.
That form has no concat: as in NNI's DARTS space, all intermediate states form the output.
"""

import re
from collections.abc import Mapping

from darts_pl.bounded.texts import shown
from darts_pl.errors import GenotypeError
from darts_pl.genotype.cell import FIRST_STATE, Cell, node_place
from darts_pl.genotype.cells import Genotype

IGNORED = frozenset({"width", "depth"})  # the network's size, no part of the cells
KEY = re.compile(r"(normal|reduce)/(op|input)_(\d{1,3})_(\d{1,3})")


def from_nni(architecture: Mapping[str, object], where: str = "genotype") -> Genotype:
    """Read NNI's architecture; a source may be a number or a list of one number.

    Raises:
        GenotypeError: an unknown key, an edge with one half only, a missing node, or a malformed cell.
    """
    found = _entries(architecture, where)
    return Genotype.from_labels({}, {name: _cell(found[name], name, where) for name in ("normal", "reduce")}, where)


def to_nni(genotype: Genotype) -> dict[str, str | list[int]]:
    """NNI's architecture of `genotype`; `from_nni` gives back an equal genotype.

    Raises:
        GenotypeError: a cell's output leaves out intermediate states, which that form cannot express.
    """
    return {**_cell_entries("normal", genotype.normal), **_cell_entries("reduce", genotype.reduce)}


def _cell_entries(name: str, cell: Cell) -> dict[str, str | list[int]]:
    states = tuple(range(FIRST_STATE, FIRST_STATE + len(cell.nodes)))
    if cell.concat != states:
        raise GenotypeError(f"{name} concat: found {list(cell.concat)}; NNI's form expects {list(states)}")
    entries: dict[str, str | list[int]] = {}
    for state, edges in zip(states, cell.nodes):
        for k, edge in enumerate(edges):
            entries[f"{name}/op_{state}_{k}"] = edge.op
            entries[f"{name}/input_{state}_{k}"] = [edge.source]
    return entries


def _entries(architecture: Mapping[str, object], where: str) -> dict[str, dict[int, dict[tuple[str, int], object]]]:
    """The values by cell, by state, and by ("op" or "input", k)."""
    found: dict[str, dict[int, dict[tuple[str, int], object]]] = {"normal": {}, "reduce": {}}
    for key, value in architecture.items():
        match = KEY.fullmatch(key)
        if match:
            cell, part, state, k = match.groups()
            found[cell].setdefault(int(state), {})[part, int(k)] = value
        elif key not in IGNORED:
            raise GenotypeError(f"{where}: unknown key {shown(repr(key))}, expected keys such as 'normal/op_2_0'")
    return found


def _cell(states: Mapping[int, Mapping[tuple[str, int], object]], name: str, where: str) -> dict[str, object]:
    if not states:
        raise GenotypeError(f"{where}: the {name} cell is missing, expected keys such as '{name}/op_2_0'")
    every = range(FIRST_STATE, max(states) + 1)
    if outside := sorted(set(states).difference(every)):
        raise GenotypeError(f"{where}: {name}: found state {outside[0]}, expected states from {FIRST_STATE} on")
    return {"nodes": [_node(states.get(state, {}), name, state, where) for state in every], "concat": list(every)}


def _node(found: Mapping[tuple[str, int], object], name: str, state: int, where: str) -> list[tuple[object, object]]:
    place = node_place(f"{where}: {name}", state - FIRST_STATE)
    if not found:
        raise GenotypeError(f"{place} is missing, expected the key '{name}/op_{state}_0'")
    edges = range(max(k for _, k in found) + 1)
    for k in edges:
        for part in ("op", "input"):
            if (part, k) not in found:
                raise GenotypeError(f"{place}: key '{name}/{part}_{state}_{k}' is missing")
    return [(found["op", k], _source(found["input", k])) for k in edges]


def _source(value: object) -> object:
    """NNI writes a number or a list of one; anything else is left for the cell's check to name."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
