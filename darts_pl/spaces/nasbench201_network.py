"""The networks of NAS-Bench-201 (arXiv:2001.00326): the skeleton around the cells, the supernet, the derived one."""

from collections.abc import Callable, Iterable
from typing import cast

import torch.nn as nn
from torch import Tensor

from darts_pl.genotype import Nasbench201Genotype
from darts_pl.genotype.nasbench201 import EDGES, NUM_NODES
from darts_pl.ops.containers import ModuleDict, ModuleList
from darts_pl.ops.image import ReLUConvBN
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import DerivedNetwork, Supernet
from darts_pl.spaces.cell_networks import AuxiliaryHead
from darts_pl.spaces.layout import edge_key, node_sources
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import Chosen, EdgeOptions
from darts_pl.spaces.walk import DerivedCell, GraphCell, Link, SearchedCell

KIND = "cell"
STAGES = 3


class Stem(GraphCell, nn.Sequential):
    """A 3x3 convolution and batch normalisation: images → states."""

    sources, concat, output = ((0,),), (1,), "last"

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__(nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False), nn.BatchNorm2d(channels_out))

    def edge_modules(self) -> Iterable[nn.Module]:
        """See `GraphCell.edge_modules`; (B, C, H, W) → (B, C', H, W)."""
        return (self[0],)

    def term(self, link: Link, x: Tensor, context: tuple[object, ...]) -> Tensor:
        """See `GraphCell.term`."""
        return cast(Tensor, self[1](link.operation(x)))


class ResidualBlock(GraphCell):
    """Halves height and width and doubles the channels: two ReLU-convolution-normalisation groups beside an average
    pooling and a 1x1 convolution (figure 1 of the paper, `ResNetBasicblock` of the released code).

    The released pooling needs even sizes; here an odd map's last row or column is averaged over what is there.
    """

    sources, concat, output = ((0,), (0, 1)), (2,), "last"

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv_a = ReLUConvBN(channels_in, channels_out, 3, 2, 1, affine=True)
        self.conv_b = ReLUConvBN(channels_out, channels_out, 3, 1, 1, affine=True)
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(channels_in, channels_out, 1, bias=False)
        )

    def edge_modules(self) -> Iterable[nn.Module]:
        """See `GraphCell.edge_modules`; (B, C, H, W) → (B, C', ceil(H / 2), ceil(W / 2))."""
        return self.conv_a, self.shortcut, self.conv_b

    def term(self, link: Link, x: Tensor, context: tuple[object, ...]) -> Tensor:
        """See `GraphCell.term`."""
        return cast(Tensor, link.operation(x))


class Skeleton(nn.Module):
    """What surrounds the cells: a stem, three stages of `layers` cells at C, 2C and 4C channels with a residual block
    between them, then batch normalisation, ReLU, global average pooling and a linear classifier. All batch
    normalisations here learn a scale and shift, also in a supernet."""

    def __init__(self, channels_in: int, num_classes: int, init_channels: int, layers: int):
        super().__init__()
        c, self.layers = init_channels, layers
        self.stem = Stem(channels_in, c)
        self.reductions = nn.ModuleList([ResidualBlock(c, 2 * c), ResidualBlock(2 * c, 4 * c)])
        self.last = nn.Sequential(nn.BatchNorm2d(4 * c), nn.ReLU())
        self.head = nn.Linear(4 * c, num_classes)

    def channels(self) -> list[int]:
        """The channels of every cell in order."""
        first = self.stem[0].out_channels
        return [first * 2**stage for stage in range(STAGES) for _ in range(self.layers)]

    def forward(self, x: Tensor, cells: nn.ModuleList) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) → logits (B, num_classes), and the map behind the second residual block.

        Args:
            cells: those of all stages, each keeping the shape of its input.
        """
        y = middle = self.stem(x)
        for index, cell in enumerate(cells):
            if index and index % self.layers == 0:
                y = middle = self.reductions[index // self.layers - 1](y)
            y = cell(y)
        return self.head(self.last(y).mean(dim=(2, 3))), middle


class Nasbench201SearchCell(SearchedCell):
    """A cell with a choice on each of its six edges: node j = Σ_i choice_{j←i}(node i), output = node 3. State 0 is the
    input (B, C, H, W); all others have its shape."""

    options: EdgeOptions
    output = "last"

    def __init__(self, options: EdgeOptions, channels: int, make_choice: Callable[[int], MixedOperation]):
        super().__init__(KIND, options, EDGES)
        self.edges = ModuleDict({edge_key(*edge): make_choice(channels) for edge in EDGES})

    def freeze(self, chosen: Chosen) -> "Nasbench201Cell":
        """The cell of these operations alone, with their weights."""
        names = self.options.check(chosen)
        return Nasbench201Cell([edge.candidates[name] for edge, name in zip(self.edges.values(), names)])


class Nasbench201Supernet(Supernet):
    """All cells of the space at once; the one kind is "cell". Build it by `Nasbench201Space.supernet`.

    Args:
        input_shape: (C, H, W) of one image.
        layers: cells a stage.
        relaxation, edge_normalization: see `Supernet`.
        make_choice: `channels -> MixedOperation` with K candidates.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        init_channels: int,
        layers: int,
        options: EdgeOptions,
        relaxation: Relaxation,
        make_choice: Callable[[int], MixedOperation],
        edge_normalization: bool = False,
    ):
        super().__init__({KIND: options}, relaxation, edge_normalization)
        self.skeleton = Skeleton(input_shape[0], num_classes, init_channels, layers)
        self.cells = ModuleList(Nasbench201SearchCell(options, c, make_choice) for c in self.skeleton.channels())
        self.reset_architecture()

    def run(self, x: Tensor) -> Tensor:
        """See `Supernet.run`."""
        return self.skeleton(x, self.cells)[0]


class Nasbench201Cell(DerivedCell):
    """The cell of a genotype: node j = Σ_i operation_{j←i}(node i), output = node 3.

    Args:
        operations: one an edge, in the order of `EDGES`.
    """

    output = "last"

    def __init__(self, operations: Iterable[nn.Module]):
        super().__init__(node_sources(EDGES), (NUM_NODES,))
        self.edges = nn.ModuleDict({edge_key(*edge): each for edge, each in zip(EDGES, operations, strict=True)})

    def edge_modules(self) -> Iterable[nn.Module]:
        """See `GraphCell.edge_modules`."""
        return self.edges.values()


class Nasbench201Network(DerivedNetwork):
    """The network of a genotype. Build it by `Nasbench201Space.network`.

    The published network has no auxiliary head; one that is asked for stands behind the second residual block, on maps
    of the size that it has in the DARTS network.
    """

    def __init__(
        self,
        genotype: Nasbench201Genotype,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        init_channels: int,
        layers: int,
        auxiliary: bool,
        build: Callable[[str, int], nn.Module],
    ):
        super().__init__()
        self.genotype = genotype
        self.skeleton = Skeleton(input_shape[0], num_classes, init_channels, layers)
        self.cells = nn.ModuleList(
            Nasbench201Cell(build(op, c) for op in genotype.operations) for c in self.skeleton.channels()
        )
        self.auxiliary = AuxiliaryHead(4 * init_channels, num_classes) if auxiliary else None

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `DerivedNetwork.run`."""
        return self.skeleton(x, self.cells)
