"""A state of a cell with what several of its edges read, computed once."""

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from darts_pl.engine import norms, phases
from darts_pl.engine.recipes import Pooling


class State:
    """A state x (B, C, H, W) and, made when first asked for, ReLU(x), its phases, x pooled and normalised."""

    def __init__(self, x: Tensor):
        self.x = x
        self._relu: Tensor | None = None
        self._phases: dict[int, Tensor] = {}
        self._pooled: dict[tuple[bool, int], Tensor] = {}
        self._normalized: dict[tuple[bool, int, float], norms.Shared] = {}
        self._parts: dict[int, State] = {}
        self._bypasses: dict[tuple[int, int], Tensor] = {}

    def part(self, divisor: int) -> "State":
        """The first C / `divisor` channels as a state of their own."""
        if divisor not in self._parts:
            part = self.x[:, : self.x.shape[1] // divisor]
            self._parts[divisor] = State(part.contiguous(memory_format=memory_format(self.x)))
        return self._parts[divisor]

    def bypass(self, divisor: int, stride: int) -> Tensor:
        """The other channels, where the first C / `divisor` are mixed by operations of this stride."""
        if (divisor, stride) not in self._bypasses:
            others = self.x[:, self.x.shape[1] // divisor :]
            self._bypasses[divisor, stride] = others if stride == 1 else F.max_pool2d(others, 2, ceil_mode=True)
        return self._bypasses[divisor, stride]

    def relu(self) -> Tensor:
        """ReLU(x)."""
        if self._relu is None:
            self._relu = F.relu(self.x)
        return self._relu

    def phased(self, stride: int) -> Tensor:
        """ReLU(x) as a convolution of dilation 2 and this stride reads it without dilation, see `phases`."""
        if stride not in self._phases:
            self._phases[stride] = phases.apart(self.relu()) if stride == 1 else phases.first(self.relu())
        return self._phases[stride]

    def pooled(self, pooling: Pooling) -> Tensor:
        """x pooled."""
        key = (pooling.largest, pooling.stride)
        if key not in self._pooled:
            if pooling.largest:
                self._pooled[key] = F.max_pool2d(self.x, 3, pooling.stride, 1)
            else:
                self._pooled[key] = F.avg_pool2d(self.x, 3, pooling.stride, 1, count_include_pad=False)
        return self._pooled[key]

    def normalized(self, pooling: Pooling, norm: nn.BatchNorm2d) -> Tensor:
        """x pooled and normalised by its own statistics, of which `norm` keeps track."""
        key = (pooling.largest, pooling.stride, norm.eps)
        if key not in self._normalized:
            self._normalized[key] = norms.shared(self.pooled(pooling), norm.eps)
        norms.track([norm], self._normalized[key])
        return self._normalized[key].output


def memory_format(x: Tensor) -> torch.memory_format:
    """The memory format that `x` (B, C, H, W) has."""
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def strided(size: Sequence[int], stride: int) -> tuple[int, ...]:
    """(H, W) → (ceil(H / stride), ceil(W / stride))."""
    return tuple(-(-length // stride) for length in size)
