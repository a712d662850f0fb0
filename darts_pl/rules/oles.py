"""OLES: operations whose training gradient no longer helps the validation data stop training."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.errors import ConfigError
from darts_pl.rules.base import Combination, Rule, WeightStep
from darts_pl.spaces.base import Supernet


class OperationEarlyStopping(Rule):
    """OLES, operation-level early stopping (Jiang et al., "Operation-level early stopping for robustifying
    differentiable NAS", NeurIPS 2023).

    What it does and why. Weights learn from one half of the data, alphas from the other. Late in a search the
    operations with many weights overfit the weights' half; on the alphas' half they then look worse than operations
    without weights, and skip connections take over. The paper's remedy is early stopping, for each operation by itself:
    while an operation still learns something general, the gradients that both halves ask of its weights point the same
    way; once they do not, its weights are frozen for the rest of the search. Its alpha goes on training.

    For each candidate with weights θ, of each edge of each cell by itself, and each step t the gradient matching is

        GM_t = cos(∂L_train/∂θ, ∂L_val/∂θ),        all weights of the operation as one vector,

    both at the weights before step t, L_train on the step's own batch and before clipping, L_val on the batch of the
    alpha step. After each `window` (M) values their mean is compared: GM = 1/M Σ_t GM_t < `threshold` freezes the
    operation, otherwise the next window begins with nothing carried over. A value counts only
    where both gradients are there and not zero: an operation that a one-hot relaxation did not draw has none, and
    neither has one whose float16 gradient overflowed.

    Frozen weights get no gradient at all (`grad` is None), so that the optimiser leaves them as they are bit for bit: a
    gradient of zero would still let momentum and weight decay move them. Batch statistics go on, they are no weights.

    Cost: one forward and backward pass more a step, of the validation loss. The authors' code has none, since its alpha
    step computes the weights' gradients too, which here it leaves out.

    Defaults, and what differs from the authors' code (PasaLab/oles):
    - M = 20 as in the paper. The code's windows hold 21 values, whose sum it divides by 20.
    - The code does not clear the weights' gradients after the alpha step, so what it compares is cos(g_train + g_val,
      g_train), with the clipped g_train of the step before: gradients of equal length at a right angle score 0.71, not
      0, and its threshold of 0.4 belongs to that figure. For equal lengths at an angle φ it is cos(φ/2); 0.4 is met at
      φ = 133°, where the clean cosine is -0.68. The lengths are not equal in general, so that no number converts. Here
      the cosine is the paper's. The default threshold is 0, where the step along g_train no longer lowers L_val to
      first order on the average: the point that the paper's argument names. 0.4 would be far too high here, since the
      gradients of two small batches are mostly noise: on the handwritten digits (batches of 32, 4 cells, 12 epochs) the
      mean over all operations was 0.16 in the first sixth of the steps and 0.00 in the last, and 14 of 20 were frozen.
    - The code takes the cosine over the output channels of each tensor and averages them, so that small kernels weigh
      as much as large ones; here it is one vector an operation.
    - A search in phases begins anew in each: no operation is frozen, no window under way.

    Args:
        threshold: the mean cosine, in [-1, 1], below which an operation is frozen. window: M, values in a mean.

    Raises:
        ConfigError: a threshold that no cosine reaches, or a window below 1.
    """

    def __init__(self, threshold: float = 0.0, window: int = 20):
        if not -1 <= threshold <= 1:
            raise ConfigError(f"rules.oles.threshold={threshold}: expected a cosine, from -1 to 1")
        if window < 1:
            raise ConfigError(f"rules.oles.window={window}: expected at least 1 step")
        self.threshold, self.window = threshold, window
        self.frozen: set[str] = set()
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def check(self, combination: Combination) -> None:
        """Raises ConfigError with a second-order hypergradient."""
        if combination.second_order:
            raise ConfigError(
                "rule=oles freezes weights, but the second-order hypergradient unrolls a step that moves them all, and "
                "would train the alphas for weights that never come. Take hypergradient=first"
            )

    def adjust(self, step: WeightStep) -> None:
        """Measure the operations that still train, then take the gradients of the frozen ones away."""
        operations = dict(weighted_operations(step.supernet))
        live = {name: weights for name, weights in operations.items() if name not in self.frozen}
        if live:
            self._measure(live, step)
        for name in self.frozen & operations.keys():
            for weight in operations[name]:
                weight.grad = None

    def _measure(self, live: dict[str, list[nn.Parameter]], step: WeightStep) -> None:
        weights = [weight for group in live.values() for weight in group]
        loss = step.valid_loss() * step.loss_scale  # float16 would lose small gradients; the cosine has no scale
        valid = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
        for name, cosine in zip(live, cosines(list(live.values()), step.reduce(valid))):
            if math.isfinite(cosine):
                self._count(name, cosine)

    def _count(self, name: str, cosine: float) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + cosine
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.counts[name] < self.window:
            return
        mean = self.sums.pop(name) / self.counts.pop(name)
        if mean < self.threshold:
            self.frozen.add(name)

    def figures(self) -> dict[str, float | None]:
        """How many operations are frozen."""
        return {"frozen_operations": len(self.frozen)}

    def state_dict(self) -> dict[str, Any]:
        """The names of the frozen operations and the sums of the windows under way."""
        return {"frozen": sorted(self.frozen), "sums": dict(self.sums), "counts": dict(self.counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.frozen = set(state["frozen"])
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])


def weighted_operations(supernet: Supernet) -> Iterator[tuple[str, list[nn.Parameter]]]:
    """(`<cell>/<edge>/<operation>`, its weights) of each candidate that has weights."""
    for index, cell in enumerate(supernet.cells):
        for edge, choice in cell.mixed_operations().items():
            for operation, module in choice.candidates.items():
                if weights := list(module.parameters()):
                    yield f"{index}/{edge}/{operation}", weights


def cosines(groups: Sequence[Sequence[nn.Parameter]], others: Sequence[Tensor | None]) -> list[float]:
    """cos(grad, other) of each group, its tensors taken as one vector; nan where either is absent, zero or not finite.

    Args:
        groups: parameters with their gradients in `grad`. others: a tensor for each parameter of all groups in turn.
    """
    weights = [weight for group in groups for weight in group]
    absent = (torch.zeros((), device=weights[0].device, dtype=weights[0].dtype),) * 2
    pairs = [
        absent if weight.grad is None or other is None else (weight.grad, other)
        for weight, other in zip(weights, others, strict=True)
    ]
    mine, theirs = map(list, zip(*pairs))
    dots = [product.sum() for product in torch._foreach_mul(mine, theirs)]
    figures = torch.stack([torch.stack(dots), *(torch.stack(torch._foreach_norm(side)) for side in (mine, theirs))])
    # [3, parameters]: dot products, lengths, lengths; one transfer from the device for all operations
    rows = iter(figures.double().T.tolist())
    return [_cosine([next(rows) for _ in group]) for group in groups]


def _cosine(rows: list[list[float]]) -> float:
    """The cosine of two vectors whose parts have these (dot product, length, length)."""
    dot = sum(row[0] for row in rows)
    product = math.prod(math.sqrt(sum(row[side] ** 2 for row in rows)) for side in (1, 2))
    return dot / product if product and math.isfinite(product) else math.nan
