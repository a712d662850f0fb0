"""DARTS-ES: stop a search when the validation loss gets sharp in alpha."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from darts_pl.engine.wanted import differentiated_twice
from darts_pl.errors import ConfigError
from darts_pl.rules.base import Combination, EpochEnd, Reduce, Rule, Stop


class EigenvalueStop(Rule):
    """Early stopping by the dominant eigenvalue λ_max of ∇²_α L_val.

    Zela et al., "Understanding and Robustifying Differentiable Architecture Search" (arXiv:1909.09656, section 4).

    Why. On many spaces DARTS finds ever worse architectures the longer it searches although the validation loss of the
    supernet keeps falling. The paper traces this to α in sharp minima: the derived network is a step away from α, and
    where the curvature is large this step costs accuracy. λ_max grows before the architectures get bad, so it can tell
    when to stop.

    How. Every `every` epochs in which alphas were trained, λ is computed on the epoch's last alpha batch, with the
    supernet in train mode. λ̄(i) is the mean of the `window` samples up to sample i (fewer at the start). The search
    ends when

        λ̄(i) / λ̄(i − delta) > factor

    and the architecture is taken from the epoch of the sample in the middle of the earlier window, i − delta −
    window // 2, provided that this is not before epoch `not_before`. With the defaults (2, 5, 4, 1.3, 10) the search
    thus goes back 12 epochs. Where the earlier mean is not positive a ratio says nothing and the search goes on. With
    `stop=False` λ is only recorded, as the column `lambda_max`, empty in epochs without a sample.

    λ_max is the algebraically largest eigenvalue, as the released code takes it: the direction in which the loss rises
    fastest. It comes from the Lanczos iteration on Hessian–vector products (double backward), which costs some ten to
    forty backward passes instead of the one for each alpha that the full matrix needs. Only the alphas of candidates
    that are left count; edge weights (PC-DARTS) are held fixed, so that the figure means what it does in the paper.
    Softmax gates do not change along a constant shift of an edge's logits: 0 is always among their eigenvalues, and
    λ_max never negative.

    Differences from the released code (RobustDARTS): it builds the full matrix; it adds the weight decay of the alphas
    to its diagonal, which here is left out, as it is not part of L_val; its epochs count from 0. The averages
    and their epochs are as there; the paper writes the rule as the inverse ratio, below 0.75. Its further means of the
    last samples at the very end of the search, which no longer stop anything, are left out. Restarting with more weight
    decay instead of stopping (DARTS-ADA) is not done.

    Args:
        every: epochs between samples. window: samples a mean. delta: samples between the two means. factor: the ratio
            that ends the search. not_before: the earliest epoch to take the architecture of. stop: whether to end it.

    Raises:
        ConfigError: a number below 1 (not_before: 0), a factor of at most 0.
    """

    def __init__(
        self,
        every: int = 2,
        window: int = 5,
        delta: int = 4,
        factor: float = 1.3,
        not_before: int = 10,
        stop: bool = True,
    ):
        lowest = {"every": (every, 1), "window": (window, 1), "delta": (delta, 1), "not_before": (not_before, 0)}
        for name, (value, low) in lowest.items():
            if value < low:
                raise ConfigError(f"rules.eigenvalue_stop.{name}={value}: expected at least {low}")
        if factor <= 0:
            raise ConfigError(f"rules.eigenvalue_stop.factor={factor}: expected a positive number")
        self.every, self.window, self.delta = every, window, delta
        self.factor, self.not_before, self.stops = factor, not_before, stop
        self.epochs: list[int] = []
        self.values: list[float] = []
        self.latest: float | None = None

    def check(self, combination: Combination) -> None:
        """Raises ConfigError where alphas are not trained, and for gates that have no Hessian."""
        if not combination.alphas_trained:
            raise ConfigError(
                "rules.eigenvalue_stop looks at what training does to alphas, but hypergradient=fixed never trains "
                "them. Leave the rule out, or take hypergradient=first"
            )
        if combination.relaxation.one_hot:
            raise ConfigError(
                f"rules.eigenvalue_stop: relaxation={type(combination.relaxation).__name__} gives one-hot gates with "
                "straight-through gradients, whose derivative is the Hessian of no loss. Take relaxation=softmax, or "
                "leave the rule out"
            )
        if not combination.relaxation.twice_differentiable:
            raise ConfigError(
                f"rules.eigenvalue_stop: samples of relaxation={type(combination.relaxation).__name__} can be "
                "differentiated once only, a Hessian needs it twice. Take relaxation=softmax, or leave the rule out"
            )

    def epoch_end(self, end: EpochEnd) -> Stop | None:
        """Sample, and judge the series."""
        self.latest = None
        if not end.alphas_trained or end.epoch % self.every:
            return None
        kinds = end.supernet.kinds
        alphas = [end.supernet.alphas[kind] for kind in kinds]
        kept = [end.supernet.kept(kind) for kind in kinds]
        self.latest = dominant_eigenvalue(end.valid_loss, alphas, kept, end.reduce)
        self.epochs.append(end.epoch)
        self.values.append(self.latest)
        return self._verdict() if self.stops else None

    def _verdict(self) -> Stop | None:
        last = len(self.values) - 1
        back = last - self.delta - self.window // 2
        if back < 0 or self.epochs[back] < self.not_before:
            return None
        now, earlier = self._mean(last), self._mean(last - self.delta)
        if earlier > 0 and now / earlier > self.factor:
            reason = (
                f"the dominant eigenvalue of the validation loss grew by {now / earlier:.2f}, from {earlier:.3g} "
                f"around epoch {self.epochs[back]} to {now:.3g} (rules.eigenvalue_stop.factor={self.factor})"
            )
            return Stop(self.epochs[back], reason)
        return None

    def _mean(self, last: int) -> float:
        return float(np.mean(self.values[max(0, last - self.window + 1) : last + 1]))

    def figures(self) -> dict[str, float | None]:
        """λ_max of the epoch, None where it was not computed."""
        return {"lambda_max": self.latest}

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": list(self.epochs), "values": list(self.values)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epochs, self.values = list(state["epochs"]), list(state["values"])


@differentiated_twice()
def dominant_eigenvalue(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    kept: Sequence[Tensor] | None = None,
    reduce: Reduce = list,
) -> float:
    """The largest eigenvalue of the Hessian of `loss()` with respect to `parameters`.

    Args:
        loss: a scalar that can be differentiated twice.
        kept: which entries of each parameter count (bool, its shape); by default all.
        reduce: averages the Hessian's products over the devices, each of which has the loss of a part of the batch.

    Returns:
        The eigenvalue, exact to the square root of the parameters' precision; 0 for a loss that is linear in them, NaN
        where a derivative is not finite.
    """
    parameters = list(parameters)
    grads = torch.autograd.grad(loss(), parameters, create_graph=True, allow_unused=True, materialize_grads=True)
    gradient = torch.cat([grad.flatten() for grad in grads])  # [N], of all parameters in a row
    counts = torch.cat([(torch.ones_like(p, dtype=torch.bool)).flatten() for p in parameters])  # bool [N]
    if kept is not None:
        counts = torch.cat([mask.flatten() for mask in kept])
    if not gradient.requires_grad:
        return 0.0

    def product(vector: np.ndarray) -> np.ndarray:
        """The Hessian times `vector`, both [n] over the n entries that count."""
        direction = torch.zeros_like(gradient)
        direction[counts] = torch.from_numpy(vector).to(direction)
        products = torch.autograd.grad(
            gradient, parameters, direction, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        parts = reduce(products)
        return torch.cat([part.flatten() for part in parts])[counts].double().cpu().numpy()

    tolerance = float(torch.finfo(gradient.dtype).eps) ** 0.5
    return largest_eigenvalue(product, int(counts.sum()), tolerance)


def largest_eigenvalue(product: Callable[[np.ndarray], np.ndarray], size: int, tolerance: float) -> float:
    """The largest eigenvalue of a symmetric matrix known by its products with vectors, by the Lanczos iteration with
    full reorthogonalisation (Golub & Van Loan, Matrix Computations, section 10.1 and 10.3).

    The start vector is fixed, so that the same products give the same result. The iteration ends when the residual
    ‖A v − λ v‖ falls below `tolerance` times the matrix's largest Ritz value in magnitude, and after `size` steps at
    the latest, when it is exact. NaN where a product is not finite. scipy's eigsh would do too, but it raises where
    float32 products keep it from its tolerance, and cannot take matrices of one or two rows.
    """
    vector = np.random.default_rng(0).standard_normal(size)
    basis = [vector / np.linalg.norm(vector)]
    diagonal, beside = [], []
    while True:
        image = product(basis[-1])
        if not np.isfinite(image).all():
            return float("nan")
        diagonal.append(basis[-1] @ image)
        for _ in range(2):  # twice is enough: what rounding leaves of the first pass goes with the second
            image = image - np.stack(basis, axis=1) @ (np.stack(basis) @ image)
        beside.append(np.linalg.norm(image))
        matrix = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
        values, vectors = np.linalg.eigh(matrix)
        residual = beside[-1] * abs(vectors[-1, -1])
        if residual <= tolerance * np.abs(values).max() or len(diagonal) == size:
            return float(values[-1])
        basis.append(image / beside[-1])
