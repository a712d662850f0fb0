"""What of a cell has a way to its output: the rest has no gradient, which optimisers tell from one of zero.

A drawn `none` may leave a state without any edge that reads it. Module by module, autograd then has no path to the
weights before that state.
"""

from collections.abc import Sequence
from typing import NamedTuple

from darts_pl.engine.native.plan import IDENTITY, RAW, Plan


class Reaching(NamedTuple):
    """Which inputs, parameters (in the order of `Plan.parameters`) and gates there is a way from."""

    inputs: Sequence[bool]
    parameters: Sequence[bool]
    gates: Sequence[bool]


def reaching(plan: Plan) -> Reaching:
    """Found from the output backwards: a term counts whose node counts, and what it reads with it."""
    states, units = set(plan.concat), set()
    gates = [False] * plan.gates
    for term in sorted(plan.terms, key=lambda term: -term.node):  # a node's terms read states before it
        if term.node not in states:
            continue
        if term.gate >= 0:
            gates[term.gate] = True
        unit = term.unit
        if unit >= IDENTITY:
            states.add(term.source)
        while unit >= 0:
            units.add(unit)
            unit = plan.units[unit].input
    units |= {index for index, unit in enumerate(plan.units) if unit.input == RAW and unit.source in states}
    weights = [index // 3 in units for index, place in enumerate(plan.weights) if place is not None]
    affine = [plan.norm_units[index // 2] in units for index, place in enumerate(plan.affine) if place is not None]
    return Reaching([state in states for state in range(plan.inputs)], weights + affine, gates)
