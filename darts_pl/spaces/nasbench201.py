"""The space of NAS-Bench-201: one cell of six edges, repeated in three stages, all 15,625 cells tabulated."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.derive import Derivation, Strongest
from darts_pl.errors import ConfigError
from darts_pl.genotype import Nasbench201Genotype, check_operations, check_space
from darts_pl.genotype.nasbench201 import EDGES
from darts_pl.genotype.nasbench201 import OPERATIONS as PRIMITIVES
from darts_pl.ops.image import OPERATIONS, Builder, build
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import MixingFunction, Space, as_mixing
from darts_pl.spaces.checks import check_primitives, check_sizes
from darts_pl.spaces.mixed import MixedOperation, divided_channels
from darts_pl.spaces.nasbench201_network import KIND, Nasbench201Network, Nasbench201Supernet
from darts_pl.spaces.options import Chosen, EdgeOptions
from darts_pl.spaces.trial import try_own_operations

STRONGEST = Strongest()


class Nasbench201Space(Space[tuple[int, int, int], int, Nasbench201Genotype]):
    """The cell space of NAS-Bench-201 (Dong and Yang, arXiv:2001.00326, section 2.1).

    What it is: a cell has four nodes, the first its input and the last its output. Every node is joined to all before
    it, and each of the six edges holds one of K operations; a node is the sum over its edges,

        x_j = Σ_{i<j} o_{j←i}(x_i),   j = 1, 2, 3.

    With the five published operations (`none`, the identity, convolutions 1x1 and 3x3 between a ReLU and a batch
    normalisation, average pooling 3x3) there are 5⁶ = 15,625 cells. All cells of a network are alike. The skeleton
    around them is fixed: a 3x3 convolution to C channels with batch normalisation; N cells at C; a residual block of
    stride 2 to 2C; N cells; a residual block to 4C; N cells; batch normalisation, ReLU, global average pooling, a
    linear classifier. Published are C = 16 and N = 5.

    Why: each of these networks was trained by its authors, three times, and the accuracies were published
    (`darts_pl.data.nasbench201_tables`). What a search finds can thus be looked up instead of trained, and methods be
    compared over many seeds. Cells that compute the same function (two edges of which one is `none` in different
    places) are separate entries with accuracies of their own; nothing here merges them.

    The supernet replaces each operation by a choice, Σ_k gate[k] · o_k(x) with full mixing, and all cells share one
    alpha [6, K]. `Strongest` derives: on every edge the operation with the largest gate, `none` included.

    Differences from the released code (AutoDL-Projects, `xautodl/models/cell_searchs`): none in the skeleton at even
    sizes; odd maps, at which the released residual block fails, are rounded up. As there, and unlike in the DARTS cell
    space, pooling has no batch normalisation of its own while searching, and convolutions of candidates are normalised
    without scale and shift while those of the skeleton keep theirs. Released searches leave `track_running_stats` to a
    setting; here statistics are tracked. Logits begin at 10⁻³ · N(0, 1), as there. Edge weights, auxiliary skips and
    partial channels, which the released networks lack, act as in the cell space.

    Args:
        init_channels: channels C of the first stage. layers: cells N of each of the three stages.
        primitives: names of the candidate operations on every edge, in gate order.
        operations: further builders, name → `(channels, stride, affine) -> nn.Module`; they may replace known ones and
            are asked for stride 1 only.

    Attributes:
        edges_kept: how many inputs a node keeps in a genotype; None, as it keeps all.

    Raises:
        ConfigError: an unknown primitive, the same twice, none besides `none`, or a size that cannot be built.
    """

    edges_kept = None
    takes_images = True

    def __init__(
        self,
        *,
        init_channels: int = 16,
        layers: int = 5,
        primitives: Sequence[str] = PRIMITIVES,
        operations: Mapping[str, Builder] | None = None,
    ):
        self.init_channels, self.layers = init_channels, layers
        self.primitives = tuple(primitives)
        self.operations = {**OPERATIONS, **(operations or {})}
        check_primitives(self.primitives, self.operations)
        check_sizes(init_channels=init_channels, layers=layers)

    @property
    def options(self) -> dict[str, EdgeOptions]:
        """See `Space.options`."""
        return {KIND: EdgeOptions(self.primitives, EDGES)}

    @property
    def edges(self) -> list[str]:
        """Names of the six edges in gate order, such as `2<-0`: into node 2 from node 0."""
        return self.options[KIND].row_names(KIND)

    def supernet(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        relaxation: Relaxation,
        mixing: MixingFunction,
        auxiliary_skip: bool = False,
        layers: int | None = None,
    ) -> Nasbench201Supernet:
        """The supernet for images of shape (C, H, W), with alphas drawn from 10⁻³ · N(0, 1).

        Args:
            mixing: may have `channel_divisor`, of whose part of the channels its candidates are built, and
                `edge_normalization`, for edge weights.
            auxiliary_skip: give every choice an auxiliary skip connection.
            layers: cells a stage, where they are to be others than the space's.

        Raises:
            ConfigError: channels that the mixing cannot divide, an operation of one's own that does not fit.
        """
        mixing = as_mixing(mixing)
        divisor = mixing.channel_divisor

        def make_choice(channels: int) -> MixedOperation:
            part = divided_channels(channels, divisor)
            candidates = {name: self._operation(name, part, searching=True) for name in self.primitives}
            auxiliary = self._operation("skip_connect", channels, searching=True) if auxiliary_skip else None
            return MixedOperation(candidates, mixing, auxiliary)

        supernet = Nasbench201Supernet(
            input_shape,
            num_classes,
            init_channels=self.init_channels,
            layers=layers or self.layers,
            options=self.options[KIND],
            relaxation=relaxation,
            make_choice=make_choice,
            edge_normalization=mixing.edge_normalization,
        )
        try_own_operations(supernet, self.primitives, self.operations, input_shape, num_classes)
        return supernet

    def _operation(self, name: str, channels: int, *, searching: bool) -> nn.Module:
        return build(
            name,
            channels,
            1,
            affine=not searching,
            searching=searching,
            operations=self.operations,
            normalized_pooling=False,
        )

    def default_derivation(self) -> Derivation:
        """The operation of the largest gate on every edge."""
        return Strongest()

    def check_derivation(self, derivation: Derivation) -> None:
        """Raises ConfigError, with the remedy, where `derivation` leaves out some of a node's inputs, all of which this
        space keeps."""
        if derivation.chooses_inputs:
            raise ConfigError(
                "this derivation keeps some of each node's inputs, but a cell of NAS-Bench-201 has an operation on "
                "every edge. Take derivation=strongest with space=nasbench201"
            )

    def derive(self, strengths: Mapping[str, Tensor], derivation: Derivation = STRONGEST) -> Nasbench201Genotype:
        """The genotype of the strengths {"cell": [6, K]} by `derivation`, see `darts_pl.derive.Strongest`.

        Raises:
            ConfigError: strengths of other kinds or another shape; a derivation that leaves out inputs.
        """
        self.check_derivation(derivation)
        if set(strengths) != {KIND}:
            raise ConfigError(f"strengths: found the cells {sorted(strengths)}, expected [{KIND!r}]")
        return Nasbench201Genotype(self.options[KIND].derive(strengths[KIND], derivation))

    def random_genotype(self, generator: torch.Generator) -> Nasbench201Genotype:
        """A genotype drawn uniformly: any operation on every edge, `none` included, as the tables hold them."""
        return Nasbench201Genotype(self.options[KIND].draw(generator))

    def network(
        self,
        genotype: Nasbench201Genotype,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        auxiliary: bool = False,
    ) -> Nasbench201Network:
        """The network of `genotype` with fresh weights.

        Raises:
            GenotypeError: a genotype of another space, or an operation that this one cannot build.
        """
        return self._network(genotype, input_shape, num_classes, auxiliary=auxiliary, searching=False)

    def _network(
        self,
        genotype: Nasbench201Genotype,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        auxiliary: bool = False,
        searching: bool,
    ) -> Nasbench201Network:
        """`searching`: with operations as the supernet's, whose normalisations have no scale and shift."""
        check_space(genotype, Nasbench201Genotype.space)
        check_operations(genotype, self.operations)
        return Nasbench201Network(
            genotype,
            input_shape,
            num_classes,
            init_channels=self.init_channels,
            layers=self.layers,
            auxiliary=auxiliary,
            build=partial(self._operation, searching=searching),
        )

    def chosen(self, genotype: Nasbench201Genotype) -> Mapping[str, Chosen]:
        """See `Space.chosen`."""
        check_space(genotype, Nasbench201Genotype.space)
        return {KIND: tuple(genotype.operations)}
