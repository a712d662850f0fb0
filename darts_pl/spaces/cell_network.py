"""The derived network: only what a genotype selected, to be trained from fresh weights (arXiv:1806.09055)."""

from collections.abc import Mapping

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.genotype import Cell, Genotype
from darts_pl.ops.image import Builder, FactorizedReduce, ReLUConvBN, build
from darts_pl.spaces.base import DerivedNetwork
from darts_pl.spaces.drop_path import drop_path
from darts_pl.spaces.layout import CellSpec, StemBuilder, make_stem, plan


class DerivedCell(nn.Module):
    """A cell of a genotype: node j = Σ of its chosen operations on their source states."""

    def __init__(self, cell: Cell, spec: CellSpec, *, affine: bool, searching: bool, operations: Mapping[str, Builder]):
        super().__init__()
        self.concat = cell.concat
        self.sources = [[edge.source for edge in node] for node in cell.nodes]
        if spec.reduction_before:
            self.preprocess0 = FactorizedReduce(spec.channels_before_last, spec.channels, affine)
        else:
            self.preprocess0 = ReLUConvBN(spec.channels_before_last, spec.channels, 1, 1, 0, affine)
        self.preprocess1 = ReLUConvBN(spec.channels_last, spec.channels, 1, 1, 0, affine)
        self.nodes = nn.ModuleList()
        for node in cell.nodes:
            strides = [2 if spec.kind == "reduce" and edge.source < 2 else 1 for edge in node]
            self.nodes.append(
                nn.ModuleList(
                    build(e.op, spec.channels, s, affine=affine, searching=searching, operations=operations)
                    for e, s in zip(node, strides)
                )
            )

    def forward(self, before_last: Tensor, last: Tensor, drop_probability: float) -> Tensor:
        """Outputs of the two preceding cells → (B, len(concat) · C, H', W')."""
        states = [self.preprocess0(before_last), self.preprocess1(last)]
        for operations, sources in zip(self.nodes, self.sources):
            terms = []
            for operation, source in zip(operations, sources):
                y = operation(states[source])
                if self.training and drop_probability > 0 and not isinstance(operation, nn.Identity):
                    y = drop_path(y, drop_probability)
                terms.append(y)
            states.append(sum(terms[1:], terms[0]))
        return torch.cat([states[i] for i in self.concat], dim=1)


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
        return self.classifier(self.expand(self.reduce(x)).flatten(1))


class CellNetwork(DerivedNetwork):
    """The network of a genotype. Build it by `CellSpace.network`."""

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
        searching: bool,
        operations: Mapping[str, Builder],
    ):
        super().__init__()
        self.genotype = genotype
        cells = {"normal": genotype.normal, "reduce": genotype.reduce}
        self.stem = make_stem(stem, input_shape, init_channels)
        outputs = {kind: len(cell.concat) for kind, cell in cells.items()}
        specs = plan(layers, init_channels, outputs, stem, self.stem.channels)
        self.cells = nn.ModuleList(
            DerivedCell(cells[s.kind], s, affine=affine, searching=searching, operations=operations) for s in specs
        )
        widths = [len(cells[spec.kind].concat) * spec.channels for spec in specs]
        self.head = nn.Linear(widths[-1], num_classes)
        self.auxiliary_index = 2 * layers // 3
        self.auxiliary = AuxiliaryHead(widths[self.auxiliary_index], num_classes) if auxiliary else None

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `DerivedNetwork.run`."""
        before_last, last = self.stem(x)
        middle = last
        for index, cell in enumerate(self.cells):
            before_last, last = last, cell(before_last, last, self.drop_path_probability)
            if index == self.auxiliary_index:
                middle = last
        return self.head(last.mean(dim=(2, 3))), middle
