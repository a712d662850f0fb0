"""What the discrete Fourier transform asks for."""

import torch
from torch import Tensor


def rfft_precision(x: Tensor) -> Tensor:
    """`x` in a precision that the transform has: half precisions become float32."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
