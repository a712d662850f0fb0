"""Operations of fixed weights and inputs for the tests beside this file, in float64 unless they ask otherwise."""

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.ops.series import TokenGrid, build

# V, N, D: usual, odd, one series, one token, both, and fewer tokens than any kernel holds
GRIDS = [(3, 12, 8), (2, 13, 5), (1, 24, 8), (3, 1, 4), (1, 1, 9), (2, 2, 6), (1, 3, 4)]


def built(name: str, series: int, tokens: int, dim: int, dtype: torch.dtype = torch.float64) -> nn.Module:
    """The operation with seeded weights, made in `dtype` (constants too) and in eval mode."""
    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        return build(name, TokenGrid(series, tokens, dim)).eval()
    finally:
        torch.set_default_dtype(usual)


def values(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """Seeded normal values."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
