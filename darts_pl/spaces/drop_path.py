"""Dropping whole paths, in derived networks and in the supernets of regularised searches."""

import torch
from torch import Tensor


def drop_path(x: Tensor, probability: float) -> Tensor:
    """Zero whole samples of `x` (B, ...) with `probability` and scale the others by 1 / keep (FractalNet,
    arXiv:1605.07648, as used by the released DARTS code)."""
    keep = 1.0 - probability
    mask = torch.empty(x.shape[0], *[1] * (x.dim() - 1), dtype=x.dtype, device=x.device).bernoulli_(keep)
    return x * (mask / keep)
