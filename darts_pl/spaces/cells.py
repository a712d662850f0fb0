"""The DARTS cell space: its supernet, its derived networks, and the way from one to the other."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import Derivation, derive_genotype, random_genotype, top_edges
from darts_pl.errors import ConfigError
from darts_pl.genotype import Genotype, check_operations, check_space
from darts_pl.ops.image import OPERATIONS, PRIMITIVES, Builder, build
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import MixingFunction, Space, as_mixing
from darts_pl.spaces.cell_networks import KINDS, CellNetwork, CellSupernet
from darts_pl.spaces.checks import check_primitives, check_sizes
from darts_pl.spaces.layout import StemBuilder, plan
from darts_pl.spaces.mixed import MixedOperation, divided_channels
from darts_pl.spaces.options import CellOptions, Chosen
from darts_pl.spaces.trial import try_own_operations


class CellSpace(Space[tuple[int, int, int], int, Genotype]):
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

    takes_images = True

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
        check_sizes(num_nodes=self.num_nodes)
        plan(self.layers, self.init_channels, self.num_nodes, self.stem)

    @property
    def options(self) -> dict[str, CellOptions]:
        """See `Space.options`."""
        return dict.fromkeys(KINDS, CellOptions(self.primitives, self.num_nodes))

    @property
    def edges(self) -> list[str]:
        """Names of the E edges in gate order, such as `2<-0`: into state 2 from state 0."""
        return self.options[KINDS[0]].row_names(KINDS[0])

    def supernet(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        relaxation: Relaxation,
        mixing: MixingFunction,
        auxiliary_skip: bool = False,
        layers: int | None = None,
    ) -> CellSupernet:
        """The supernet for images of shape (C, H, W), with alphas drawn from 10⁻³ · N(0, 1).

        Args:
            mixing: may have `channel_divisor`, of whose part of the channels its candidates are built, and
                `edge_normalization`, for edge weights.
            auxiliary_skip: give every choice an auxiliary skip connection. layers: a depth other than the space's.

        Raises:
            ConfigError: channels that the mixing cannot divide, an operation of one's own that does not fit.
        """
        mixing = as_mixing(mixing)
        divisor = mixing.channel_divisor

        def make_choice(channels: int, stride: int) -> MixedOperation:
            part = divided_channels(channels, divisor)
            candidates = {name: self._operation(name, part, stride, searching=True) for name in self.primitives}
            auxiliary = self._operation("skip_connect", channels, stride, searching=True) if auxiliary_skip else None
            return MixedOperation(candidates, mixing, auxiliary)

        supernet = CellSupernet(
            input_shape,
            num_classes,
            init_channels=self.init_channels,
            layers=layers or self.layers,
            stem=self.stem,
            options=self.options[KINDS[0]],
            relaxation=relaxation,
            make_choice=make_choice,
            edge_normalization=mixing.edge_normalization,
        )
        try_own_operations(supernet, self.primitives, self.operations, input_shape, num_classes)
        return supernet

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

    def network(
        self, genotype: Genotype, input_shape: tuple[int, int, int], num_classes: int, *, auxiliary: bool = False
    ) -> CellNetwork:
        """The network of `genotype` with fresh weights.

        Raises:
            GenotypeError: an operation that this space cannot build.
        """
        return self._network(genotype, input_shape, num_classes, auxiliary=auxiliary, searching=False)

    def _network(
        self,
        genotype: Genotype,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        auxiliary: bool = False,
        searching: bool,
    ) -> CellNetwork:
        """`searching`: with operations as the supernet's, whose normalisations have no scale and shift and whose
        pooling is normalised."""
        check_space(genotype, Genotype.space)
        check_operations(genotype, self.operations)
        return CellNetwork(
            genotype,
            input_shape,
            num_classes,
            init_channels=self.init_channels,
            layers=self.layers,
            stem=self.stem,
            auxiliary=auxiliary,
            affine=not searching,
            build_operation=partial(self._operation, searching=searching),
        )

    def _operation(self, name: str, channels: int, stride: int, *, searching: bool) -> nn.Module:
        return build(name, channels, stride, affine=not searching, searching=searching, operations=self.operations)

    def chosen(self, genotype: Genotype) -> Mapping[str, Chosen]:
        """See `Space.chosen`."""
        check_space(genotype, Genotype.space)
        return genotype.cells
