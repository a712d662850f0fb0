"""Batch normalisations with a gate folded into their scale, and their running statistics."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class Shared(NamedTuple):
    """What several batch normalisations without a scale make of one tensor.

    Args:
        output: (B, C, H, W). mean, var: [C], the variance by n - 1, as running statistics take them.
    """

    output: Tensor
    mean: Tensor
    var: Tensor


def takes_batch_statistics(norm: nn.BatchNorm2d) -> bool:
    """Whether `norm` normalises by the batch at hand, not by running statistics."""
    return norm.training or norm.running_mean is None or norm.running_var is None


def batch_norm(x: Tensor, norm: nn.BatchNorm2d, gate: Tensor | None = None) -> Tensor:
    """gate · norm(x) in one pass that keeps `x` alone for the gradient.

    Args:
        x: (B, C, H, W). gate: [C] contiguous, the gate in each place; None: 1.
    """
    rate = tracking_rate(norm)
    own = rate is not None or not takes_batch_statistics(norm)
    return F.batch_norm(
        x,
        norm.running_mean if own else None,
        norm.running_var if own else None,
        _scaled(norm.weight, gate),
        None if norm.bias is None else _scaled(norm.bias, gate),
        takes_batch_statistics(norm),
        0.0 if rate is None else rate,
        norm.eps,
    )


def shared(x: Tensor, eps: float) -> Shared:
    """x (B, C, H, W) normalised by its own statistics, and these."""
    mean, var = x.new_zeros(x.shape[1]), x.new_zeros(x.shape[1])
    # a momentum of 1 leaves the statistics of this batch in the buffers
    return Shared(F.batch_norm(x, mean, var, None, None, True, 1.0, eps), mean, var)


@torch.no_grad()
def track(norms: Sequence[nn.BatchNorm2d], statistics: Shared) -> None:
    """Let every one of `norms` keep these statistics as its own pass would have."""
    for norm in norms:
        rate, mean, var = tracking_rate(norm), norm.running_mean, norm.running_var
        if rate is not None and mean is not None and var is not None:
            mean.lerp_(statistics.mean.to(mean.dtype), rate)
            var.lerp_(statistics.var.to(var.dtype), rate)


def tracking_rate(norm: nn.BatchNorm2d) -> float | None:
    """Count a pass through `norm`; by how much its running statistics take the batch's, None: they stay."""
    if not norm.training or norm.running_mean is None or norm.running_var is None:
        return None
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    if norm.momentum is not None:
        return norm.momentum
    # the mean over all batches so far
    return 0.0 if norm.num_batches_tracked is None else 1 / float(norm.num_batches_tracked)


def _scaled(parameter: Tensor | None, gate: Tensor | None) -> Tensor | None:
    if parameter is None or gate is None:
        return gate if parameter is None else parameter
    return parameter * gate
