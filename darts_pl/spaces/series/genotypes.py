"""From gates to genotypes of forecasting networks, and back."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from darts_pl.derive import Derivation, strongest
from darts_pl.errors import ConfigError, GenotypeError, nearest
from darts_pl.genotype import SeriesGenotype, check_operations, check_space
from darts_pl.genotype.series import cell_kinds
from darts_pl.spaces.options import CellOptions, OneOf
from darts_pl.spaces.series.labels import candidates as known_candidates

Candidates = Mapping[str, Sequence[str]]


def derive_genotype(
    strengths: Mapping[str, Tensor],
    mode: str,
    candidates: Candidates,
    primitives: Sequence[str],
    num_nodes: int,
    derivation: Derivation,
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
    cells = {kind: derivation(strengths[kind], primitives, num_nodes, kind) for kind in cell_kinds(mode)}
    return SeriesGenotype(mode, choices, cells)


def draw_genotype(
    mode: str, candidates: Candidates, primitives: Sequence[str], num_nodes: int, generator: torch.Generator
) -> SeriesGenotype:
    """See `SeriesSpace.random_genotype`."""
    cell = CellOptions(tuple(primitives), num_nodes)
    choices = {label: OneOf(tuple(names)).draw(generator) for label, names in candidates.items()}
    cells = {kind: cell.draw(generator) for kind in cell_kinds(mode)}
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
