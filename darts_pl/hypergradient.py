"""dL_val/dα through one step of weight training: first order, finite differences, exact. Pure functions, no Lightning.

DARTS (arXiv:1806.09055, section 2.3) replaces the optimal weights by one virtual SGD step of learning rate ξ,
w' = w − ξ · (m · v + ∇_w L_train(w, α) + λ · w), with momentum m, velocity v and weight decay λ as in the coming real
step. Then dL_val(w', α)/dα = ∂_α L_val(w', α) − ξ · ∂²_{α,w} L_train(w, α) · ∂_{w'} L_val(w', α) (equations 6–7).
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from darts_pl.engine.wanted import differentiated_twice
from darts_pl.errors import ConfigError


@dataclass(frozen=True)
class VirtualStep:
    """The coming SGD step: learning rate ξ, momentum m, weight decay λ and the velocities (None: all zero)."""

    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    velocities: Sequence[Tensor | None] | None = None


@dataclass(frozen=True)
class Bilevel:
    """One bilevel problem at its present point.

    Args:
        train_loss, valid_loss: functions without arguments that evaluate the scalar loss at the present values of
            `weights` and `alphas`. Each must return the same value when called twice (same batch, same noise).
        weights, alphas: leaf tensors that require gradients.
        buffers: tensors that a forward pass may change (BatchNorm statistics); restored bit for bit afterwards.
        step: the coming weight step.
        reduce: averages gradients over the ranks, where several train together on parts of the batches. The formulas
            are linear in all gradients but for the virtual step and the direction, so these two are averaged where
            they arise, and the result at the end.
    """

    train_loss: Callable[[], Tensor]
    valid_loss: Callable[[], Tensor]
    weights: Sequence[Tensor]
    alphas: Sequence[Tensor]
    buffers: Sequence[Tensor] = ()
    step: VirtualStep = field(default_factory=lambda: VirtualStep(0.0))
    reduce: Callable[[Sequence[Tensor]], list[Tensor]] = list


Hypergradient = Callable[..., list[Tensor]]
"""`Bilevel -> dL_val/dα`; those of first order take `loss_scale` too."""


def first(problem: Bilevel, *, loss_scale: float = 1.0) -> list[Tensor]:
    """∂_α L_val(w, α), the second-order term left out (ξ = 0 in the formula); gradients shaped like the alphas.

    `loss_scale` multiplies the loss before differentiation and divides the gradients after it, for float16.
    """
    with restored(problem.buffers):
        grads = problem.reduce(_grad(problem.valid_loss() * loss_scale, problem.alphas))
    return grads if loss_scale == 1.0 else [grad / loss_scale for grad in grads]


def fixed(problem: Bilevel, *, loss_scale: float = 1.0) -> list[Tensor]:
    """Zeros: the alphas stay as they are. `SearchModule` knows it and leaves the alpha step out."""
    return [torch.zeros_like(alpha) for alpha in problem.alphas]


def finite_difference(problem: Bilevel, *, epsilon: float = 0.01) -> list[Tensor]:
    """The paper's second order: the mixed derivative by central differences of the training gradient along the
    direction d = ∂_{w'} L_val, with step R = `epsilon` / ‖d‖₂ (equation 8): five passes for first order's two.

    On networks with ReLU and max-pooling the difference crosses kinks, so it smooths rather than approximates the
    derivative; on smooth networks it tends to `exact` as epsilon → 0.

    Raises:
        ConfigError: `epsilon` is not positive.
    """
    if epsilon <= 0:
        raise ConfigError(f"hypergradient.epsilon={epsilon} must be positive")
    xi = problem.step.learning_rate
    with restored(problem.buffers):
        direct, direction = _gradients_at_virtual_weights(problem)
        norm = torch.stack([d.norm() for d in direction]).norm()
        radius = epsilon / norm.clamp_min(torch.finfo(norm.dtype).tiny)
        offset = torch._foreach_mul(direction, radius)
        above = _alpha_grad_at_shifted_weights(problem, offset)
        below = _alpha_grad_at_shifted_weights(problem, torch._foreach_neg(offset))
    return problem.reduce([g - xi * (a - b) / (2 * radius) for g, a, b in zip(direct, above, below)])


def exact(problem: Bilevel) -> list[Tensor]:
    """The second-order term by double backward: ∂_α ⟨∂_w L_train(w, α), d⟩ with d = ∂_{w'} L_val held fixed.

    Equal to differentiating through the virtual step; needs a doubly differentiable network and about three times the
    memory of one pass.
    """
    xi = problem.step.learning_rate
    with restored(problem.buffers):
        direct, direction = _gradients_at_virtual_weights(problem)
        product = _mixed_product(problem, direction)
    if product is None:
        return problem.reduce(direct)
    return problem.reduce([g - xi * p for g, p in zip(direct, product)])


@differentiated_twice()
def _mixed_product(problem: Bilevel, direction: Sequence[Tensor]) -> list[Tensor] | None:
    """∂²_{α,w} L_train · d, None where no gradient depends on alpha."""
    inner = _grad(problem.train_loss(), problem.weights, create_graph=True)
    pairs = [(g, d) for g, d in zip(inner, direction) if g.requires_grad]
    return _grad([g for g, _ in pairs], problem.alphas, grad_outputs=[d for _, d in pairs]) if pairs else None


def _gradients_at_virtual_weights(problem: Bilevel) -> tuple[list[Tensor], list[Tensor]]:
    """(∂_α L_val, ∂_{w'} L_val) at w', the latter averaged over the ranks; the weights are w again afterwards."""
    step = problem.step
    update = problem.reduce(_grad(problem.train_loss(), problem.weights))
    with restored(problem.weights):
        with torch.no_grad():
            update = list(torch._foreach_add(update, list(problem.weights), alpha=step.weight_decay))
            for change, velocity in zip(update, step.velocities or ()):
                if velocity is not None:
                    change.add_(velocity, alpha=step.momentum)
        _shift(problem.weights, torch._foreach_mul(update, -step.learning_rate))
        grads = _grad(problem.valid_loss(), [*problem.alphas, *problem.weights])
    return grads[: len(problem.alphas)], problem.reduce(grads[len(problem.alphas) :])


def _alpha_grad_at_shifted_weights(problem: Bilevel, offset: Sequence[Tensor]) -> list[Tensor]:
    with restored(problem.weights):
        _shift(problem.weights, offset)
        return _grad(problem.train_loss(), problem.alphas)


def _shift(weights: Sequence[Tensor], offset: Sequence[Tensor]) -> None:
    with torch.no_grad():
        torch._foreach_add_(list(weights), list(offset))
    torch.clear_autocast_cache()  # autocast keeps low-precision copies of the weights as they were before the change


def _grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    *,
    grad_outputs: Sequence[Tensor] | None = None,
    create_graph: bool = False,
) -> list[Tensor]:
    """d outputs / d inputs, zeros where an input has no part in them; where outputs are several or no scalars, the sum
    of their products with `grad_outputs`."""
    found = torch.autograd.grad(
        outputs, list(inputs), grad_outputs, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )
    return list(found)


@contextlib.contextmanager
def restored(tensors: Sequence[Tensor]) -> Iterator[None]:
    """Give `tensors` back their present values, bit for bit, on leaving."""
    tensors = list(tensors)
    saved = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, saved):
                tensor.copy_(value)
        torch.clear_autocast_cache()
