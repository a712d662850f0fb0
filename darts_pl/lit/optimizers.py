"""What optimisers are made by, and how they step: the same updates in fewer calls."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

OptimizerFactory = Callable[[Iterable[Tensor]], torch.optim.Optimizer]


def stepping_fast(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """`optimizer` itself; Adam and AdamW of weights on a CPU step by PyTorch's fused kernel, one call in the place of a
    dozen a tensor. The update is the same but for rounding. On GPUs PyTorch groups tensors unasked; settings that were
    made (`foreach`, `fused`, `differentiable`) stay."""
    if not isinstance(optimizer, torch.optim.Adam):  # AdamW is one
        return optimizer
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if all(weight.device.type == "cpu" and weight.is_floating_point() for weight in weights):
        for group in optimizer.param_groups:
            if group["foreach"] is None and group["fused"] is None and not group["differentiable"]:
                group["fused"] = True
    return optimizer
