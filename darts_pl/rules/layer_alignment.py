"""Λ-DARTS: weights are trained so that the cells of a kind ask the same change of the gates that they share."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from darts_pl.engine.wanted import differentiated_twice
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

    which is computed by differentiating twice: the pass that gives the g_l keeps its graph, and the sum of products is
    differentiated by w. With the sign of ascent, grad_w += -λ ∇_w Λ. Batch and random draws are the step's. Gates of
    candidates that are not left are no part of p.

    Defaults: λ goes linearly from 0 to `weight` = 0.125 over the search, epoch / (epochs - 1), normal cells only, as in
    the released code (dr-faustus/Lambda-DARTS; its scripts take λ = 0.25, for NAS-Bench-201 with an alpha learning
    rate of 1e-4 over 100 epochs).

    Cost: about three passes more a step, one while λ is 0, and the memory of a graph of the first derivatives.

    What differs from it, and why:
    - There ∇_w Λ is a finite difference, [∇_w L(p - ε d) - ∇_w L(p + ε d)] / 2ε with ε = ε₀ / ‖d‖ and ε₀ from 10⁻⁴ to
      10⁻³. Behind ReLUs and max-poolings L is smooth in pieces only, and the pieces end within ε: what comes out is the
      jumps at their borders over 2ε, thirty times as long as the gradient and in no relation to it, in float64 as in
      float32. Such a term, clipped along with the loss's gradient, keeps the supernet from learning.
    - Its perturbed passes move the running statistics of batch normalisation, here no further pass does.
    - Its sign variant of the alignment is left out.
    Under mixed precision the term is computed in the weights' own precision. Under float16 it is scaled as the step's
    gradients are at that point; where their scale has overflowed the step is left out as a whole. A second-order
    hypergradient unrolls the plain step, without this term. The paper's gates are softmax; any relaxation with a
    gradient for every candidate will do. Candidates must be differentiable twice, as all of this library's are.

    Args:
        weight: λ at the end of the search. kind: which cells; None for `normal`, or the only kind.

    Raises:
        ConfigError: a weight below 0; when training starts, a kind that the space does not have, or fewer than two
            cells of it.
    """

    def __init__(self, weight: float = 0.125, kind: str | None = None):
        if weight < 0:
            raise ConfigError(f"rules.layer_alignment.weight={weight}: expected 0 or more")
        self.weight, self.kind = weight, kind
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
        twice = differentiated_twice() if self.strength else nullcontext()
        with torch.autocast(device.type, enabled=False), twice:
            grads = self._gate_gradients(step)
            left = step.supernet.kept(self._kind_of(step.supernet))
            averaged = step.reduce([grad.detach() for grad in grads])
            self.alignment, directions = alignment([grad.masked_fill(~left, 0.0) for grad in averaged])
            if self.strength and any(bool(direction.any()) for direction in directions):
                self._ascend(step, grads, directions)

    def _gate_gradients(self, step: WeightStep) -> list[Tensor]:
        """g_l [E, K] of every cell of the kind, with a graph where it is to be differentiated by the weights."""
        kind = self._kind_of(step.supernet)
        kinds = [cell.kind for cell in step.supernet.cells]
        gates = [step.gates[each].detach().clone().requires_grad_(each == kind) for each in kinds]
        copies, twice = [gate for gate in gates if gate.requires_grad], self.strength > 0
        loss = step.train_loss(gates)
        return list(torch.autograd.grad(loss, copies, create_graph=twice, allow_unused=True, materialize_grads=True))

    def _ascend(self, step: WeightStep, grads: Sequence[Tensor], directions: Sequence[Tensor]) -> None:
        weights = [weight for weight in step.supernet.weight_parameters() if weight.grad is not None]
        along = torch.stack([(grad * direction).sum() for grad, direction in zip(grads, directions)]).sum()
        changes = torch.autograd.grad(along, weights, allow_unused=True, materialize_grads=True)
        for weight, change in zip(weights, step.reduce(changes)):
            assert weight.grad is not None  # they were chosen by it
            weight.grad.sub_(change, alpha=step.loss_scale * self.strength)

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
