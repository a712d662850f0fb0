"""The edges of a cell as one pass takes them."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from darts_pl.engine.candidates import Candidate, Terms
from darts_pl.engine.recipes import Nothing, Recipe
from darts_pl.ops.image import Skip

BETWEEN_NODES = -1


class Links(NamedTuple):
    """The edges of a cell as one pass takes them.

    Args:
        nodes: of every node the sources and the terms of its edges. inputs: what makes a state of every input; empty
            where inputs are states.
    """

    nodes: Sequence[Sequence[tuple[int, Terms | None]]]
    inputs: Sequence[Recipe | None]

    def key(self) -> tuple[object, ...]:
        """What plans have in common that differ in numbers only."""
        made = tuple(map(id, self.inputs))
        return made + tuple(
            (source, terms and _key(terms)) for node in self.nodes for source, terms in (*node, (BETWEEN_NODES, None))
        )

    def recipes(self) -> list[Recipe | None]:
        """Of all candidates."""
        edges = [each.recipe for node in self.nodes for _, terms in node if terms for each in candidates_of(terms)]
        return [*self.inputs, *edges]

    def values(self) -> tuple[list[Tensor], list[Tensor]]:
        """(gates, scalars; masks, (B, 1, 1, 1)), as the terms of a plan count them."""
        gates, masks = [], []
        for node in self.nodes:
            for _, terms in node:
                if terms is None:
                    continue  # and there is no plan
                summands = [each for each in candidates_of(terms) if not isinstance(each.recipe, Nothing)]
                gates += [each.coefficient for each in summands if each.coefficient is not None]
                if terms.mask is not None:
                    masks.append(terms.mask)
                if terms.constant is not None:
                    gates.append(terms.constant)
        return gates, masks


def candidates_of(terms: Terms) -> list[Candidate]:
    """All, an auxiliary one at the end."""
    return terms.candidates if terms.auxiliary is None else [*terms.candidates, terms.auxiliary]


def _key(terms: Terms) -> tuple[object, ...]:
    whole = terms.divisor, terms.constant is None, terms.mask is None, terms.auxiliary is None
    return *whole, *map(_candidate_key, candidates_of(terms))


def _candidate_key(candidate: Candidate) -> int:
    """A number for each way of running a recipe: addresses of objects have their last bits free."""
    operation = candidate.operation
    drops = type(operation) is Skip and operation.rate > 0
    return id(candidate.recipe) + (candidate.coefficient is None) + 2 * drops
