"""Λ-DARTS: weights are trained so that the cells of a kind ask the same change of the gates that they share."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.rules.base import Combination, Rule, WeightStep
from darts_pl.spaces.base import Supernet


class LayerAlignment(Rule):
    """Λ-DARTS (Movahedi et al., "Λ-DARTS: Mitigating Performance Collapse by Harmonizing Operation Selection among
    Cells", arXiv:2210.07998, ICLR 2023).

    What it does and why. All cells of a kind share one set of gates, so that the alphas follow the sum of what the
    cells' gradients ask. The paper relates performance collapse to cells that disagree: as the softmax saturates, those
    near the output decide for all, in their own favour. The remedy acts on the weights: they are trained so that the
    gradients with respect to each cell's own copy of the gates point the same way.

    With p_l the copy of the gates [E, K] that cell l uses, L the number of cells of the kind, g_l = ∂L_train/∂p_l as
    one vector and u_l = g_l / ‖g_l‖, the alignment is the mean cosine over the pairs of cells

        Λ = 2 / (L (L - 1)) · Σ_{l<m} ⟨u_l, u_m⟩   in [-1, 1],

    and the weight step descends L_train - λ Λ.

    The gradient of Λ. The derivative of u_l by g_l is (I - u_l u_lᵀ) / ‖g_l‖, symmetric, so that

        d_l = ∂Λ/∂g_l = 2 / (L (L - 1)) · (I - u_l u_lᵀ) Σ_m u_m / ‖g_l‖,

    where m = l may stay in the sum since the projection takes u_l out. As g_l = ∂L_train/∂p_l depends on the weights w,

        ∇_w Λ = Σ_l (∂g_l/∂w)ᵀ d_l = ∇_w Σ_l ⟨∂L_train/∂p_l, d_l⟩      with d held fixed,

    the derivative of ∇_w L_train along d in the space of all gates p = (p_1 … p_L). By central differences, and with
    the sign of ascent,

        grad_w += λ · [∇_w L_train(p - ε d) - ∇_w L_train(p + ε d)] / (2 ε),     ε = ε₀ / ‖d‖₂, d over all cells.

    Batch and random draws are the step's in all passes. Gates of candidates that are not left are no part of p.

    Defaults: λ goes linearly from 0 to `weight` = 0.125 over the search, ε₀ = 10⁻⁴, normal cells only, as in the
    released code (dr-faustus/Lambda-DARTS; its script for the DARTS space takes λ = 0.25 and ε₀ = 10⁻³).

    Cost: three passes more a step; one while λ is 0. The authors' code has two more, as it takes g_l from the pass of
    the weight step itself; here that pass is over when rules see its gradients.

    What differs from it, and why:
    - Its perturbed passes move the running statistics of batch normalisation, here they do not.
    - Its sign variant of the alignment is left out.
    Under mixed precision these passes run in the weights' own precision: the difference of two nearly equal gradients
    would drown in rounding. Under float16 the term is scaled as the step's gradients are at that point; where their
    scale has overflowed the step is left out as a whole. A second-order hypergradient unrolls the plain step, without
    this term. The paper's gates are softmax; any relaxation with a gradient for every candidate will do.

    Args:
        weight: λ at the end of the search. epsilon: ε₀. kind: which cells; None for `normal`, or the only kind.

    Raises:
        ConfigError: a weight below 0, an epsilon that is not positive; when training starts, a kind that the space does
            not have, or fewer than two cells of it.
    """

    def __init__(self, weight: float = 0.125, epsilon: float = 1e-4, kind: str | None = None):
        if weight < 0:
            raise ConfigError(f"rules.layer_alignment.weight={weight}: expected 0 or more")
        if epsilon <= 0:
            raise ConfigError(f"rules.layer_alignment.epsilon={epsilon}: expected a positive number")
        self.weight, self.epsilon, self.kind = weight, epsilon, kind
        self.strength = self.alignment = 0.0

    def check(self, combination: Combination) -> None:
        """Raises ConfigError where gates are one-hot."""
        hard = combination.relaxation.one_hot
        if hard or combination.mixing.needs_one_hot:
            raise ConfigError(
                "rule=layer_alignment compares what cells ask of every gate, but with one-hot gates a step tells it of "
                f"one candidate an edge; found relaxation={type(combination.relaxation).__name__}. Take "
                "relaxation=softmax with mixing=full or partial"
            )

    def schedule(self, supernet: Supernet, progress: float) -> None:
        """Set λ; raises ConfigError where the supernet has no two cells to align."""
        kind = self._kind_of(supernet)
        cells = sum(cell.kind == kind for cell in supernet.cells)
        if cells < 2:
            raise ConfigError(
                f"rule=layer_alignment aligns the {kind} cells with each other: found {cells}, expected at least 2. "
                "Raise space.layers"
            )
        self.strength = self.weight * progress

    def adjust(self, step: WeightStep) -> None:
        """Measure Λ and add the gradient of -λ Λ."""
        device = next(iter(step.gates.values())).device
        with torch.autocast(device.type, enabled=False):
            gates, directions = self._directions(step)
            if self.strength and any(bool(direction.any()) for direction in directions):
                self._ascend(step, gates, directions)

    def _directions(self, step: WeightStep) -> tuple[list[Tensor], list[Tensor]]:
        """(the gates of every cell, ∂Λ/∂g of every cell: zeros for cells of another kind)."""
        kind = self._kind_of(step.supernet)
        kinds = [cell.kind for cell in step.supernet.cells]
        gates = [step.gates[each].detach().clone().requires_grad_(each == kind) for each in kinds]
        copies = [gate for gate in gates if gate.requires_grad]
        grads = torch.autograd.grad(step.train_loss(gates), copies, allow_unused=True, materialize_grads=True)
        left = step.supernet.kept(kind)
        self.alignment, aligned = alignment([grad.masked_fill(~left, 0.0) for grad in step.reduce(grads)])
        found = iter(aligned)
        return [g.detach() for g in gates], [next(found) if g.requires_grad else torch.zeros_like(g) for g in gates]

    def _ascend(self, step: WeightStep, gates: Sequence[Tensor], directions: Sequence[Tensor]) -> None:
        radius = self.epsilon / float(torch.stack([direction.norm() for direction in directions]).norm())
        weights = [weight for weight in step.supernet.weight_parameters() if weight.grad is not None]
        below = _weight_grads(step, [g - radius * d for g, d in zip(gates, directions)], weights)
        above = _weight_grads(step, [g + radius * d for g, d in zip(gates, directions)], weights)
        difference = step.reduce(torch._foreach_sub(below, above))
        for weight, change in zip(weights, difference):
            assert weight.grad is not None  # they were chosen by it
            weight.grad.add_(change, alpha=step.loss_scale * self.strength / (2 * radius))

    def _kind_of(self, supernet: Supernet) -> str:
        kinds = supernet.kinds
        if self.kind is None and (len(kinds) == 1 or "normal" in kinds):
            return kinds[0] if len(kinds) == 1 else "normal"
        if self.kind not in kinds:
            raise ConfigError(f"rules.layer_alignment.kind={self.kind}: expected one of {list(kinds)}")
        return self.kind

    def figures(self) -> dict[str, float | None]:
        """Λ of the last step."""
        return {"layer_alignment": self.alignment}

    def state_dict(self) -> dict[str, Any]:
        """Λ of the last step; λ follows from the epoch."""
        return {"alignment": self.alignment}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.alignment = state["alignment"]


def alignment(grads: Sequence[Tensor]) -> tuple[float, list[Tensor]]:
    """(Λ, ∂Λ/∂g_l for each g_l of `grads`), see `LayerAlignment`; a gradient of zero is aligned with nothing.

    Args:
        grads: at least two tensors of one shape.
    """
    flat = torch.stack([grad.flatten() for grad in grads])  # [L, E·K]
    norms = flat.norm(dim=1, keepdim=True)  # [L, 1]
    units = torch.where(norms > 0, flat / norms, 0.0)
    total = units.sum(dim=0)  # [E·K]
    pairs = math.comb(len(grads), 2)
    value = (total.square().sum() - units.square().sum()) / 2 / pairs  # ‖Σu‖² = Σ‖u‖² + 2 Σ_{l<m} ⟨u_l, u_m⟩
    across = total - units * (units @ total).unsqueeze(1)  # [L, E·K], what is left of Σu beside each u_l
    directions = torch.where(norms > 0, across / norms, 0.0) / pairs
    return float(value), [row.view_as(grad) for row, grad in zip(directions, grads)]


def _weight_grads(step: WeightStep, gates: list[Tensor], weights: Sequence[nn.Parameter]) -> list[Tensor]:
    return list(torch.autograd.grad(step.train_loss(gates), list(weights), allow_unused=True, materialize_grads=True))
