"""What all supernets share: alphas and the gates made of them, which candidates are left, edge weights."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.ops.containers import ModuleList
from darts_pl.relaxations import Relaxation
from darts_pl.spaces.choice import ChoiceModule
from darts_pl.spaces.mixed import MixedOperation
from darts_pl.spaces.options import Options

Gates = Mapping[str, Tensor] | Sequence[Tensor]


class Supernet(nn.Module):
    """The base of supernets: cells of one or more kinds, all cells of a kind sharing their architecture parameters.

    `alphas[kind]` are logits [E, K]; with edge normalisation `betas[kind]` are logits [E] whose softmax over the edges
    into a node weighs them (PC-DARTS, arXiv:1907.05737, equation 4). Both are architecture parameters and part of the
    state dict, as is `kept_<kind>` [E, K], which candidates are left. A subclass sets `cells`, all choices of the
    network, and defines `run`.

    Args:
        options: for each kind what is chosen from, which says E and K.
        relaxation: module `logits [E, K] → gate [E, K]`, with -inf for a candidate that is not kept.
        edge_normalization: whether there are betas.

    Attributes:
        targets: for each kind the node that each of its E edges enters.
    """

    cells: "Sequence[ChoiceModule] | ModuleList[ChoiceModule]"

    def __init__(
        self,
        options: Mapping[str, Options],
        relaxation: Relaxation,
        edge_normalization: bool = False,
    ):
        super().__init__()
        self.targets = {kind: list(each.targets) for kind, each in options.items()}
        sizes = {kind: (len(each.targets), len(each.names)) for kind, each in options.items()}
        self.alphas = nn.ParameterDict({kind: torch.zeros(*size) for kind, size in sizes.items()})
        normalized = sizes if edge_normalization else {}
        self.betas = nn.ParameterDict({kind: torch.zeros(size[0]) for kind, size in normalized.items()})
        for kind, size in sizes.items():
            self.register_buffer(f"kept_{kind}", torch.ones(*size, dtype=torch.bool))
        self.relaxation = relaxation

    def reset_architecture(self) -> None:
        """Draw all architecture parameters from 10⁻³ · N(0, 1), as the released DARTS code; for a subclass to call
        when it is built."""
        with torch.no_grad():
            for parameter in self.arch_parameters():
                parameter.copy_(1e-3 * torch.randn_like(parameter))

    def run(self, x: Any) -> Any:
        """Outputs (images: logits (B, num_classes)) by the gates that `cells` were handed for this pass."""
        raise NotImplementedError(f"{type(self).__name__} must define run(x)")

    def forward(self, x: Any, gates: Gates | None = None) -> Any:
        """(B, C, H, W) → logits (B, num_classes). `gates` [E, K] a kind, or in a list one a cell; by default relaxed
        from the alphas. Edge weights and auxiliary skips act as in the search."""
        weights = self.edge_weights()
        self._give_gates(self.gates() if gates is None else gates, weights, without_auxiliary=False)
        return self.run(x)

    def forward_as_derived(self, x: Any, gates: Gates) -> Any:
        """As `forward`, by these gates alone: every edge weighs one, no auxiliary skip. One-hot gates give the derived
        network."""
        self._give_gates(gates, {}, without_auxiliary=True)
        return self.run(x)

    def _give_gates(self, gates: Gates, weights: Mapping[str, Tensor], *, without_auxiliary: bool) -> None:
        cells = list(self.cells)  # once: some supernets look for them
        by_cell = [gates[cell.kind] for cell in cells] if isinstance(gates, Mapping) else gates
        for cell, rows in zip(cells, by_cell, strict=True):
            cell.take(rows, weights.get(cell.kind), without_auxiliary=without_auxiliary)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of cells."""
        return tuple(self.alphas)

    def kept(self, kind: str) -> Tensor:
        """Which candidates are left: bool [E, K]."""
        return self.get_buffer(f"kept_{kind}")

    def logits(self) -> dict[str, Tensor]:
        """The alphas [E, K] a kind, -inf where a candidate is not kept."""
        return {
            kind: alpha if bool(self.kept(kind).all()) else alpha.masked_fill(~self.kept(kind), -torch.inf)
            for kind, alpha in self.alphas.items()
        }

    def gates(self) -> dict[str, Tensor]:
        """Gates [E, K] a kind, as the next forward pass mixes by them (sampled where the relaxation samples)."""
        return {kind: self.relaxation(logits) for kind, logits in self.logits().items()}

    @torch.no_grad()
    def expected_gates(self) -> dict[str, Tensor]:
        """Gates [E, K] a kind without randomness, for recording."""
        return {kind: self.relaxation.expected(logits) for kind, logits in self.logits().items()}

    def edge_weights(self) -> dict[str, Tensor]:
        """Weights [E] a kind, summing to one over the edges into a node; empty without edge normalisation."""
        return {kind: edge_softmax(beta, self.targets[kind]) for kind, beta in self.betas.items()}

    @torch.no_grad()
    def strengths(self) -> dict[str, Tensor]:
        """What is derived from, [E, K] a kind: the expected gates, times the edge weights where there are any."""
        weights = self.edge_weights()
        return {
            kind: gate * weights[kind].unsqueeze(1) if kind in weights else gate
            for kind, gate in self.expected_gates().items()
        }

    def penalty(self) -> Tensor | None:
        """The relaxation's term of the upper-level loss over the edges of all kinds, or None. Where kinds differ in K,
        the rows of the smaller ones are filled up with -inf, candidates that are not there, which no penalty counts."""
        logits = [*self.logits().values()]
        widest = max(rows.shape[1] for rows in logits)
        return self.relaxation.penalty(torch.cat([_fill_up(rows, widest) for rows in logits]))

    def keep(self, masks: Mapping[str, Tensor]) -> None:
        """Leave only the candidates in `masks` (bool [E, K] a kind): the others lose their gates, and their modules
        with all weights are removed. Call it before optimisers are made.

        Raises:
            ConfigError: an edge would be left without a candidate.
        """
        for kind, mask in masks.items():
            if not bool(mask.any(dim=1).all()):
                raise ConfigError(f"{kind} cell: an edge would be left without a candidate")
            self.kept(kind).copy_(mask)
        for cell in self.cells:
            cell.keep(self.kept(cell.kind))

    def choices(self) -> Iterator[MixedOperation]:
        """Every choice of every cell."""
        for cell in self.cells:
            yield from cell.mixed_operations().values()

    def arch_parameters(self) -> list[nn.Parameter]:
        """Alphas, then betas, in a fixed order."""
        return [*self.alphas.values(), *self.betas.values()]

    def weight_parameters(self) -> list[nn.Parameter]:
        """Every parameter that is no architecture parameter."""
        return [p for name, p in self.named_parameters() if not name.startswith(("alphas.", "betas."))]


def _fill_up(logits: Tensor, num_candidates: int) -> Tensor:
    """`logits` [E, K] with columns of -inf up to `num_candidates`."""
    missing = num_candidates - logits.shape[1]
    return F.pad(logits, (0, missing), value=-torch.inf) if missing else logits


def edge_softmax(beta: Tensor, targets: Sequence[int]) -> Tensor:
    """The softmax of `beta` [E] over the edges that enter the same node; a node's edges follow each other."""
    groups = torch.tensor(targets, device=beta.device)
    parts = [beta[groups == node].softmax(dim=0) for node in dict.fromkeys(targets)]
    return torch.cat(parts)
