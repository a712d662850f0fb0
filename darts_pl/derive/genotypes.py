"""Genotypes of the cell space: derived of gates, and drawn for comparison."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from darts_pl.derive.derivations import Derivation, cell_of, check_keep, check_num_nodes, choosable, top_edges
from darts_pl.errors import ConfigError
from darts_pl.genotype import Cell, Edge, Genotype


def derive_genotype(
    gates: Mapping[str, Tensor], primitives: Sequence[str], num_nodes: int, derivation: Derivation = top_edges
) -> Genotype:
    """The genotype of the gates {"normal": [E, K], "reduce": [E, K]} by `derivation`, called once a cell.

    Raises:
        ConfigError: a cell is missing, or as `derivation` raises it.
        TrainingError: a gate is not finite.
    """
    if set(gates) != {"normal", "reduce"}:
        raise ConfigError(f"gates: found the cells {sorted(gates)}, expected ['normal', 'reduce']")
    return Genotype(**{kind: derivation(gates[kind], primitives, num_nodes, kind) for kind in gates})


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
    names = [primitives[k] for k in choosable(primitives)]
    check_keep(keep)
    check_num_nodes(num_nodes)

    def node(index: int) -> list[Edge]:
        sources = torch.randperm(index + 2, generator=generator)[:keep].sort().values.tolist()
        choices = torch.randint(len(names), (len(sources),), generator=generator).tolist()
        return [Edge(names[choice], source) for choice, source in zip(choices, sources)]

    return cell_of([node(index) for index in range(num_nodes)])
