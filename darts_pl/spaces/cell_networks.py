"""The networks of the DARTS cell space: all at once as a supernet, and one by its genotype (arXiv:1806.09055)."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.genotype import Cell, Genotype
from darts_pl.ops.containers import ModuleDict, ModuleList
from darts_pl.ops.image import FactorizedReduce, ReLUConvBN
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import DerivedNetwork, Supernet
from darts_pl.spaces.layout import CellSpec, StemBuilder, edge_key, edge_sources, make_stem, plan
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import CellOptions, Chosen
from darts_pl.spaces.walk import DerivedCell, SearchedCell, cell_sources

KINDS = ("normal", "reduce")

MakeMixed = Callable[[int, int], MixedOperation]
BuildOperation = Callable[[str, int, int], nn.Module]


def _stride(spec: CellSpec, source: int) -> int:
    """A reduction cell halves height and width where an edge leaves one of its inputs."""
    return 2 if spec.kind == "reduce" and source < 2 else 1


def _preprocessing(spec: CellSpec, affine: bool) -> tuple[nn.Module, nn.Module]:
    """What brings the outputs of the two preceding cells to the channels of this one, and the older of them to its
    height and width."""
    if spec.reduction_before:
        before_last: nn.Module = FactorizedReduce(spec.channels_before_last, spec.channels, affine)
    else:
        before_last = ReLUConvBN(spec.channels_before_last, spec.channels, 1, 1, 0, affine)
    return before_last, ReLUConvBN(spec.channels_last, spec.channels, 1, 1, 0, affine)


class SearchCell(SearchedCell):
    """A cell with a choice on every edge: state j = Σ_i choice_{j←i}(state i), output = all nodes side by side,
    (B, num_nodes · C, H', W').

    `edges["2_0"]` is the choice on the edge into state 2 from state 0; parameters are thus named by (cell, edge,
    operation).
    """

    options: CellOptions

    def __init__(self, spec: CellSpec, options: CellOptions, make_choice: MakeMixed):
        edges = edge_sources(options.num_nodes)
        super().__init__(spec.kind, options, edges)
        self.preprocess0, self.preprocess1 = _preprocessing(spec, affine=False)
        self.edges = ModuleDict(
            {edge_key(state, source): make_choice(spec.channels, _stride(spec, source)) for state, source in edges}
        )

    def input_modules(self) -> Sequence[nn.Module]:
        """Of the outputs of the two preceding cells."""
        return self.preprocess0, self.preprocess1

    def freeze(self, chosen: Chosen) -> "ChosenCell":
        """The cell of these operations alone, with their weights."""
        cell = self.options.check(chosen)
        return ChosenCell(cell, (self.preprocess0, self.preprocess1), self.chosen_operations(cell))


class CellSupernet(Supernet):
    """All candidate networks of the cell space at once, with the kinds "normal" and "reduce". Build it by
    `CellSpace.supernet`.

    Args:
        input_shape: (C, H, W) of one image.
        options: of the cells. relaxation, edge_normalization: see `Supernet`.
        make_choice: `(channels, stride) -> MixedOperation` with K candidates.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        init_channels: int,
        layers: int,
        stem: str | StemBuilder,
        options: CellOptions,
        relaxation: Relaxation,
        make_choice: MakeMixed,
        edge_normalization: bool = False,
    ):
        first = make_stem(stem, input_shape, init_channels)
        specs = plan(layers, init_channels, options.num_nodes, stem, first.channels)
        super().__init__(dict.fromkeys(KINDS, options), relaxation, edge_normalization)
        self.stem = first
        self.cells = ModuleList(SearchCell(spec, options, make_choice) for spec in specs)
        self.head = nn.Linear(specs[-1].channels * options.num_nodes, num_classes)
        self.reset_architecture()

    def run(self, x: Tensor) -> Tensor:
        """See `Supernet.run`."""
        before_last, last = self.stem(x)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        return self.head(last.mean(dim=(2, 3)))  # (B, C', H', W') averaged over the map


class ChosenCell(DerivedCell):
    """A cell of a genotype: node j = Σ of its chosen operations on their source states, output (B, len(concat) · C,
    H', W').

    Args:
        preprocessing: of the outputs of the two preceding cells. operations: those of every node, edge by edge.
    """

    def __init__(self, cell: Cell, preprocessing: Sequence[nn.Module], operations: Sequence[Sequence[nn.Module]]):
        super().__init__(cell_sources(cell), cell.concat)
        self.preprocess0, self.preprocess1 = preprocessing
        self.nodes = ModuleList(ModuleList(node) for node in operations)

    def input_modules(self) -> Sequence[nn.Module]:
        """As of `SearchCell`."""
        return self.preprocess0, self.preprocess1

    def edge_modules(self) -> Iterator[nn.Module]:
        """See `GraphCell.edge_modules`."""
        return itertools.chain.from_iterable(self.nodes)


def _built_cell(cell: Cell, spec: CellSpec, *, affine: bool, build_operation: BuildOperation) -> ChosenCell:
    """A cell with fresh weights."""
    preprocessing = _preprocessing(spec, affine)
    nodes = [[build_operation(e.op, spec.channels, _stride(spec, e.source)) for e in node] for node in cell.nodes]
    return ChosenCell(cell, preprocessing, nodes)


class AuxiliaryHead(nn.Module):
    """A small classifier on the map after two thirds of the depth, used in training only (released DARTS code).

    On 8x8 maps (CIFAR) it is the paper's: average pooling 5x5 of stride 3, 128 then 768 channels. Other sizes are
    pooled to 2x2.
    """

    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU())
        self.expand = nn.Sequential(nn.Conv2d(128, 768, 2, bias=False), nn.BatchNorm2d(768), nn.ReLU())
        self.classifier = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → logits (B, num_classes)."""
        x = F.relu(x)
        if x.shape[-2:] == (8, 8):
            x = F.avg_pool2d(x, 5, stride=3, padding=0, count_include_pad=False)
        else:
            x = F.adaptive_avg_pool2d(x, 2)
        # (B, C, 2, 2) → (B, 768, 1, 1)
        return self.classifier(self.expand(self.reduce(x)).flatten(1))


class CellNetwork(DerivedNetwork):
    """The network of a genotype. Build it by `CellSpace.network`.

    Args:
        build_operation: `(name, channels, stride) -> module` of the operations in cells.
        affine: whether the normalisations around them learn a scale and shift.
    """

    def __init__(
        self,
        genotype: Genotype,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        init_channels: int,
        layers: int,
        stem: str | StemBuilder,
        auxiliary: bool,
        affine: bool,
        build_operation: BuildOperation,
    ):
        super().__init__()
        self.genotype = genotype
        cells: Mapping[str, Cell] = genotype.cells
        self.stem = make_stem(stem, input_shape, init_channels)
        outputs = {kind: len(cell.concat) for kind, cell in cells.items()}
        specs = plan(layers, init_channels, outputs, stem, self.stem.channels)
        self.cells = nn.ModuleList(
            _built_cell(cells[s.kind], s, affine=affine, build_operation=build_operation) for s in specs
        )
        widths = [outputs[spec.kind] * spec.channels for spec in specs]
        self.head = nn.Linear(widths[-1], num_classes)
        self.auxiliary_index = 2 * layers // 3
        self.auxiliary = AuxiliaryHead(widths[self.auxiliary_index], num_classes) if auxiliary else None

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `DerivedNetwork.run`."""
        before_last, last = self.stem(x)
        middle = last
        for index, cell in enumerate(self.cells):
            before_last, last = last, cell(before_last, last)
            if index == self.auxiliary_index:
                middle = last
        return self.head(last.mean(dim=(2, 3))), middle
