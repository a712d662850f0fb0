"""From gates to genotypes of forecasting networks, and back."""

import inspect
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from darts_pl.derive import Rule, strongest
from darts_pl.errors import ConfigError, GenotypeError, nearest
from darts_pl.genotype import Cell, Edge, SeriesGenotype, check_operations, check_space
from darts_pl.genotype.series import cell_kinds
from darts_pl.spaces.series.labels import NONE
from darts_pl.spaces.series.labels import candidates as known_candidates

EDGES_KEPT = 2

Candidates = Mapping[str, Sequence[str]]


def derive_genotype(
    strengths: Mapping[str, Tensor],
    mode: str,
    candidates: Candidates,
    primitives: Sequence[str],
    num_nodes: int,
    rule: Rule,
) -> SeriesGenotype:
    """See `SeriesSpace.derive`."""
    open_labels = {label for label, names in candidates.items() if len(names) > 1}
    expected = open_labels.union(cell_kinds(mode))
    if set(strengths) != expected:
        raise ConfigError(f"strengths: found the kinds {sorted(strengths)}, expected {sorted(expected)}")
    choices = {
        label: strongest(strengths[label], names)[0] if label in open_labels else names[0]
        for label, names in candidates.items()
    }
    by_kind = "kind" in inspect.signature(rule).parameters
    cells = {
        kind: rule(strengths[kind], primitives, num_nodes=num_nodes, **({"kind": kind} if by_kind else {}))
        for kind in cell_kinds(mode)
    }
    return SeriesGenotype(mode, choices, cells)


def draw_genotype(
    mode: str, candidates: Candidates, primitives: Sequence[str], num_nodes: int, generator: torch.Generator
) -> SeriesGenotype:
    """See `SeriesSpace.random_genotype`."""
    names = [name for name in primitives if name != NONE]

    def draw(number: int) -> int:
        return int(torch.randint(number, (), generator=generator))

    def node(state: int) -> tuple[Edge, ...]:
        sources = torch.randperm(state, generator=generator)[:EDGES_KEPT].sort().values.tolist()
        return tuple(Edge(names[draw(len(names))], source) for source in sources)

    choices = {label: options[draw(len(options))] for label, options in candidates.items()}
    states = tuple(range(2, 2 + num_nodes))
    cells = {kind: Cell(tuple(node(state) for state in states), states) for kind in cell_kinds(mode)}
    return SeriesGenotype(mode, choices, cells)


def check_genotype(genotype: SeriesGenotype, mode: str, operations: Iterable[str]) -> None:
    """Raises GenotypeError for a genotype of another space or mode, or with parts that do not exist."""
    check_space(genotype, SeriesGenotype.space)
    if genotype.mode != mode:
        raise GenotypeError(
            f"found a genotype of the mode {genotype.mode!r}, expected {mode!r}. Take space.mode={genotype.mode} for it"
        )
    known = known_candidates(mode)
    for label, name in genotype.choices.items():
        if name not in known[label]:
            raise GenotypeError(f"genotype: choices: {label}: {name!r} does not exist. {nearest(name, known[label])}")
    check_operations(genotype, operations)
