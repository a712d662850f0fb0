"""The over-parameterised network of the DARTS cell space (arXiv:1806.09055, section 2.1 and figure 1)."""

from collections.abc import Callable, Mapping

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.image import FactorizedReduce, ReLUConvBN
from darts_pl.spaces.choice import Choice
from darts_pl.spaces.layout import Stem, edge_sources, plan

KINDS = ("normal", "reduce")

MakeChoice = Callable[[int, int], Choice]


class SearchCell(nn.Module):
    """A cell with a choice on every edge: state j = Σ_i choice_{j←i}(state i), output = all nodes side by side.

    `edges["2_0"]` is the choice on the edge into state 2 from state 0; parameters are thus named by (cell, edge,
    operation) and a faster implementation can take a cell's place as a whole.
    """

    def __init__(self, spec, num_nodes: int, make_choice: MakeChoice):
        super().__init__()
        self.kind, self.num_nodes = spec.kind, num_nodes
        before = FactorizedReduce if spec.reduction_before else _pointwise
        self.preprocess0 = before(spec.channels_before_last, spec.channels, affine=False)
        self.preprocess1 = _pointwise(spec.channels_last, spec.channels, affine=False)
        self.edges = nn.ModuleDict()
        for state, source in edge_sources(num_nodes):
            stride = 2 if spec.kind == "reduce" and source < 2 else 1
            self.edges[f"{state}_{source}"] = make_choice(spec.channels, stride)

    def forward(self, before_last: Tensor, last: Tensor, gates: Tensor) -> Tensor:
        """Outputs of the two preceding cells and gates [E, K] → (B, num_nodes · C, H', W')."""
        states = [self.preprocess0(before_last), self.preprocess1(last)]
        rows = iter(zip(self.edges.values(), gates.unbind(), strict=True))
        for _ in range(self.num_nodes):
            terms = [edge(source, gate) for source, (edge, gate) in zip(states, rows)]
            states.append(sum(terms[1:], terms[0]))
        return torch.cat(states[2:], dim=1)


def _pointwise(channels_in: int, channels_out: int, affine: bool) -> nn.Module:
    return ReLUConvBN(channels_in, channels_out, 1, 1, 0, affine)


class Supernet(nn.Module):
    """All candidate networks at once. `alphas["normal"]`, `alphas["reduce"]`: logits [E, K], shared by the cells of a
    kind and part of the state dict. Build it by `CellSpace.supernet`.

    Args:
        input_shape: (C, H, W) of one image.
        relaxation: module `alpha [E, K] → gate [E, K]`.
        make_choice: `(channels, stride) -> Choice` with K candidates.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        *,
        init_channels: int,
        layers: int,
        num_nodes: int,
        stem: str,
        num_candidates: int,
        relaxation: nn.Module,
        make_choice: MakeChoice,
    ):
        super().__init__()
        specs = plan(layers, init_channels, num_nodes, stem)
        self.stem = Stem(stem, input_shape[0], init_channels)
        self.cells = nn.ModuleList(SearchCell(spec, num_nodes, make_choice) for spec in specs)
        self.head = nn.Linear(specs[-1].channels * num_nodes, num_classes)
        num_edges = len(edge_sources(num_nodes))
        self.alphas = nn.ParameterDict({k: 1e-3 * torch.randn(num_edges, num_candidates) for k in KINDS})
        self.relaxation = relaxation

    def forward(self, x: Tensor, gates: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, C, H, W) → logits (B, num_classes). `gates` [E, K] a kind, by default relaxed from the alphas."""
        gates = self.gates() if gates is None else gates
        before_last, last = self.stem(x)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last, gates[cell.kind])
        return self.head(last.mean(dim=(2, 3)))

    def gates(self) -> dict[str, Tensor]:
        """Gates [E, K] a kind, as the next forward pass mixes by them (sampled where the relaxation samples)."""
        return {kind: self.relaxation(alpha) for kind, alpha in self.alphas.items()}

    @torch.no_grad()
    def expected_gates(self) -> dict[str, Tensor]:
        """Gates [E, K] a kind without randomness, for recording and derivation."""
        return {kind: self.relaxation.expected(alpha) for kind, alpha in self.alphas.items()}

    def penalty(self) -> Tensor | None:
        """The relaxation's term of the upper-level loss, summed over the kinds, or None."""
        terms = [self.relaxation.penalty(alpha) for alpha in self.alphas.values()]
        terms = [term for term in terms if term is not None]
        return sum(terms[1:], terms[0]) if terms else None

    def arch_parameters(self) -> list[nn.Parameter]:
        """The alphas, in a fixed order."""
        return list(self.alphas.values())

    def weight_parameters(self) -> list[nn.Parameter]:
        """Every parameter that is not an alpha."""
        return [p for name, p in self.named_parameters() if not name.startswith("alphas.")]
