"""The over-parameterised network of the DARTS cell space (arXiv:1806.09055, section 2.1 and figure 1)."""

from collections.abc import Callable, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.image import FactorizedReduce, ReLUConvBN
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.base import Supernet
from darts_pl.spaces.layout import StemBuilder, edge_sources, make_stem, plan
from darts_pl.spaces.mixed import MixedOperation

KINDS = ("normal", "reduce")

MakeMixed = Callable[[int, int], MixedOperation]


class SearchCell(nn.Module):
    """A cell with a choice on every edge: state j = Σ_i choice_{j←i}(state i), output = all nodes side by side.

    `edges["2_0"]` is the choice on the edge into state 2 from state 0; parameters are thus named by (cell, edge,
    operation) and a faster implementation can take a cell's place as a whole.
    """

    def __init__(self, spec, num_nodes: int, make_choice: MakeMixed):
        super().__init__()
        self.kind, self.num_nodes = spec.kind, num_nodes
        before = FactorizedReduce if spec.reduction_before else _pointwise
        self.preprocess0 = before(spec.channels_before_last, spec.channels, affine=False)
        self.preprocess1 = _pointwise(spec.channels_last, spec.channels, affine=False)
        self.edges = nn.ModuleDict()
        for state, source in edge_sources(num_nodes):
            stride = 2 if spec.kind == "reduce" and source < 2 else 1
            self.edges[f"{state}_{source}"] = make_choice(spec.channels, stride)

    def forward(
        self, before_last: Tensor, last: Tensor, gates: Tensor, weights: Tensor | None = None, *, alone: bool = False
    ) -> Tensor:
        """Outputs of the two preceding cells, gates [E, K] and edge weights [E] → (B, num_nodes · C, H', W')."""
        states = [self.preprocess0(before_last), self.preprocess1(last)]
        scales = [None] * len(gates) if weights is None else weights.unbind()
        rows = iter(zip(self.edges.values(), gates.unbind(), scales, strict=True))
        for _ in range(self.num_nodes):
            terms = []
            for source, (edge, gate, scale) in zip(states, rows):
                y = edge(source, gate, alone=alone)
                terms.append(y if scale is None else scale * y)
            states.append(sum(terms[1:], terms[0]))
        return torch.cat(states[2:], dim=1)


def _pointwise(channels_in: int, channels_out: int, affine: bool) -> nn.Module:
    return ReLUConvBN(channels_in, channels_out, 1, 1, 0, affine)


class CellSupernet(Supernet):
    """All candidate networks of the cell space at once, with the kinds "normal" and "reduce". Build it by
    `CellSpace.supernet`.

    Args:
        input_shape: (C, H, W) of one image.
        relaxation, edge_normalization: see `Supernet`.
        make_choice: `(channels, stride) -> MixedOperation` with K candidates.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        init_channels: int,
        layers: int,
        num_nodes: int,
        stem: str | StemBuilder,
        num_candidates: int,
        relaxation: Relaxation,
        make_choice: MakeMixed,
        edge_normalization: bool = False,
    ):
        first = make_stem(stem, input_shape, init_channels)
        specs = plan(layers, init_channels, num_nodes, stem, first.channels)
        targets = [state for state, _ in edge_sources(num_nodes)]
        super().__init__(dict.fromkeys(KINDS, targets), num_candidates, relaxation, edge_normalization)
        self.stem = first
        self.cells = nn.ModuleList(SearchCell(spec, num_nodes, make_choice) for spec in specs)
        self.head = nn.Linear(specs[-1].channels * num_nodes, num_classes)
        self.reset_architecture()

    def run(
        self, x: Tensor, gates: Sequence[Tensor], weights: Sequence[Tensor | None], *, alone: bool = False
    ) -> Tensor:
        """See `Supernet.run`."""
        before_last, last = self.stem(x)
        for cell, gate, weight in zip(self.cells, gates, weights, strict=True):
            before_last, last = last, cell(before_last, last, gate, weight, alone=alone)
        return self.head(last.mean(dim=(2, 3)))
