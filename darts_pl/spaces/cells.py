"""The DARTS cell space: its supernet, its derived networks, and the way from one to the other."""

from collections.abc import Mapping, Sequence
from functools import singledispatch

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import Derivation, derive_genotype, random_genotype, top_edges
from darts_pl.errors import ConfigError, GenotypeError, nearest
from darts_pl.genotype import Genotype, check_operations, check_space
from darts_pl.ops.image import OPERATIONS, PRIMITIVES, Builder, build
from darts_pl.spaces.layout import StemBuilder, edge_sources, plan
from darts_pl.spaces.mixed import MixedOperation, Mixing, divided_channels
from darts_pl.spaces.network import Network
from darts_pl.spaces.primitives import check_primitives
from darts_pl.spaces.supernet import Supernet


class CellSpace:
    """Normal and reduction cells of `num_nodes` intermediate nodes over a set of primitives (arXiv:1806.09055).

    Args:
        init_channels: channels C of the first cell. layers: number of cells, at least 3.
        primitives: names of the candidate operations on every edge, in gate order.
        operations: further builders, name → `(channels, stride, affine) -> nn.Module`; they may replace known ones.
        stem: `cifar` for small images, `imagenet` for large ones, or one's own: `(channels of the images,
            init_channels) -> nn.Module` that gives maps of any number of channels.

    Raises:
        ConfigError: an unknown primitive, the same twice, none besides `none`, or a size that cannot be built.
    """

    def __init__(
        self,
        *,
        init_channels: int = 16,
        layers: int = 8,
        num_nodes: int = 4,
        primitives: Sequence[str] = PRIMITIVES,
        operations: Mapping[str, Builder] | None = None,
        stem: str | StemBuilder = "cifar",
    ):
        self.init_channels, self.layers, self.num_nodes = init_channels, layers, num_nodes
        self.primitives, self.stem = tuple(primitives), stem
        self.operations = {**OPERATIONS, **(operations or {})}
        self._check()

    def _check(self) -> None:
        check_primitives(self.primitives, self.operations)
        if self.num_nodes < 1:
            raise ConfigError(f"space.num_nodes={self.num_nodes}: at least 1 is needed")
        plan(self.layers, self.init_channels, self.num_nodes, self.stem)

    @property
    def edges(self) -> list[str]:
        """Names of the E edges in gate order, such as `2<-0`: into state 2 from state 0."""
        return [f"{state}<-{source}" for state, source in edge_sources(self.num_nodes)]

    def supernet(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        relaxation: nn.Module,
        mixing: Mixing,
        auxiliary_skip: bool = False,
        layers: int | None = None,
    ) -> Supernet:
        """The supernet for images of shape (C, H, W), with alphas drawn from 10⁻³ · N(0, 1).

        Args:
            mixing: may have `channel_divisor`, of whose part of the channels its candidates are built, and
                `edge_normalization`, for edge weights.
            auxiliary_skip: give every choice an auxiliary skip connection. layers: a depth other than the space's.

        Raises:
            ConfigError: channels that the mixing cannot divide.
        """
        divisor = getattr(mixing, "channel_divisor", 1)

        def make_choice(channels: int, stride: int) -> MixedOperation:
            part = divided_channels(channels, divisor)
            candidates = {name: self._candidate(name, part, stride) for name in self.primitives}
            auxiliary = self._candidate("skip_connect", channels, stride) if auxiliary_skip else None
            return MixedOperation(candidates, mixing, auxiliary)

        return Supernet(
            input_shape,
            num_classes,
            init_channels=self.init_channels,
            layers=layers or self.layers,
            num_nodes=self.num_nodes,
            stem=self.stem,
            num_candidates=len(self.primitives),
            relaxation=relaxation,
            make_choice=make_choice,
            edge_normalization=getattr(mixing, "edge_normalization", False),
        )

    def check_derivation(self, derivation: Derivation) -> None:
        """Raises ConfigError, with the remedy, where `derivation` does not choose among a node's inputs."""
        if not derivation.chooses_inputs:
            raise ConfigError(
                "this derivation puts an operation on every edge, but a cell of the DARTS space keeps some of each "
                "node's inputs. Take derivation=top_edges, or space=nasbench201"
            )

    def derive(self, strengths: Mapping[str, Tensor], derivation: Derivation = top_edges) -> Genotype:
        """The genotype of strengths [E, K] a kind by `derivation`, see `darts_pl.derive`."""
        self.check_derivation(derivation)
        return derive_genotype(strengths, self.primitives, self.num_nodes, derivation)

    def random_genotype(self, generator: torch.Generator) -> Genotype:
        """A genotype drawn uniformly: two distinct inputs a node, any operation but `none`."""
        return random_genotype(self.primitives, self.num_nodes, generator)

    def _candidate(self, name: str, channels: int, stride: int) -> nn.Module:
        return build(name, channels, stride, affine=False, searching=True, operations=self.operations)

    def network(
        self,
        genotype: Genotype,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        auxiliary: bool = False,
        searching: bool = False,
    ) -> Network:
        """The network of `genotype` with fresh weights. With `searching` its operations are built as the supernet's
        are (no affine batch normalisation, normalised pooling), so that it can carry the supernet's weights.

        Raises:
            GenotypeError: an operation that this space cannot build.
        """
        check_space(genotype, Genotype.space)
        check_operations(genotype, self.operations)
        return Network(
            genotype,
            input_shape,
            num_classes,
            init_channels=self.init_channels,
            layers=self.layers,
            stem=self.stem,
            auxiliary=auxiliary,
            affine=not searching,
            searching=searching,
            operations=self.operations,
        )

    def one_hot_gates(self, genotype: Genotype) -> dict[str, Tensor]:
        """Gates [E, K] a kind that select exactly the genotype's operations; a row is zero where an edge is dropped.

        Raises:
            GenotypeError: the genotype does not lie in this space.
        """
        check_space(genotype, Genotype.space)
        gates = {}
        for kind, cell in genotype.cells.items():
            if len(cell.nodes) != self.num_nodes:
                raise GenotypeError(f"{kind} cell: {len(cell.nodes)} nodes, the space has {self.num_nodes}")
            if sorted(cell.concat) != list(range(2, 2 + self.num_nodes)):
                states = list(cell.concat)
                raise GenotypeError(f"{kind} cell: concatenates the states {states}, the supernet all of its nodes")
            gates[kind] = torch.zeros(len(self.edges), len(self.primitives))
            for state, node in enumerate(cell.nodes, start=2):
                for edge in node:
                    if edge.op not in self.primitives:
                        known = nearest(edge.op, self.primitives)
                        raise GenotypeError(f"{kind} cell, node {state}: {edge.op!r} is not in this space. {known}")
                    row = self.edges.index(f"{state}<-{edge.source}")
                    gates[kind][row, self.primitives.index(edge.op)] += 1.0
        return gates


@singledispatch
def inherit_weights(network: Network, supernet: Supernet) -> None:
    """Copy the supernet's weights and buffers into a network built with `searching=True` from the same space. Another
    space registers its own for its networks."""
    network.stem.load_state_dict(supernet.stem.state_dict())
    network.head.load_state_dict(supernet.head.state_dict())
    for target, source in zip(network.cells, supernet.cells, strict=True):
        target.preprocess0.load_state_dict(source.preprocess0.state_dict())
        target.preprocess1.load_state_dict(source.preprocess1.state_dict())
        cell = network.genotype.cells[source.kind]
        for state, (operations, node) in enumerate(zip(target.nodes, cell.nodes), start=2):
            for operation, edge in zip(operations, node):
                candidate = source.edges[f"{state}_{edge.source}"].candidates[edge.op]
                operation.load_state_dict(candidate.state_dict())
