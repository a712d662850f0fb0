"""What a candidate operation is made of, as an engine needs to know to compute it in a way of its own.

Only what is known to the last detail has a recipe: a module of another class, with hooks or with a bias where none is
expected has none, and an engine calls it as it is.
"""

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch.nn as nn

from darts_pl.ops import image
from darts_pl.ops.strided import SlicedPointwise


class Nothing(NamedTuple):
    """Zeros of the input's shape, or every `stride`-th of its pixels."""

    stride: int


class Identity(NamedTuple):
    """The input as it is."""


class Pooling(NamedTuple):
    """3x3 pooling with a padding of 1, its average over the pixels that are there.

    Args:
        largest: whether it takes the maximum, else the average. norm: what normalises it, None without.
    """

    largest: bool
    stride: int
    norm: nn.BatchNorm2d | None


class Stage(NamedTuple):
    """norm(conv(depthwise(ReLU(x)))).

    Args:
        depthwise: one filter k x k a channel, dilated or not; None: there is none.
        conv: 1x1 behind a depthwise convolution, else of any odd kernel; it sums over all channels.
    """

    depthwise: nn.Conv2d | None
    conv: nn.Conv2d
    norm: nn.BatchNorm2d

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that has the kernel, the stride and the dilation."""
        return self.conv if self.depthwise is None else self.depthwise


class Stages(NamedTuple):
    """One or more stages, one on the other; only the first may have a stride."""

    stages: tuple[Stage, ...]

    @property
    def stride(self) -> int:
        """By height and width."""
        return self.stages[0].first.stride[0]

    @property
    def is_dilated(self) -> bool:
        """Whether this is one stage with a depthwise convolution of dilation 2."""
        stage = self.stages[0]
        return len(self.stages) == 1 and stage.depthwise is not None and stage.first.dilation == (2, 2)


class Halving(NamedTuple):
    """norm(conv_1(even pixels) beside conv_2(odd pixels)) of ReLU(x), see `FactorizedReduce`."""

    module: image.FactorizedReduce
    norm: nn.BatchNorm2d

    @property
    def stride(self) -> int:
        """By height and width."""
        return 2


Recipe = Nothing | Identity | Pooling | Stages | Halving


class Recipes:
    """The recipes of the operations of a network, each looked for once: what is hooked or replaced within an operation
    after its first pass goes unseen. A copy begins anew."""

    def __init__(self) -> None:
        self._found: WeakKeyDictionary[nn.Module, Recipe | None] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[type["Recipes"], tuple[()]]:
        return type(self), ()

    def of(self, operation: nn.Module) -> Recipe | None:
        """As `recipe_of`."""
        if operation not in self._found:
            self._found[operation] = recipe_of(operation)
        return self._found[operation]


def recipe_of(operation: nn.Module) -> Recipe | None:
    """How `operation` is made, None where that is not known."""
    if any(is_hooked(module) for module in operation.modules()):
        return None
    if type(operation) is image.Zero:
        return Nothing(operation.stride)
    if type(operation) in (nn.Identity, image.Skip):
        return Identity()
    if type(operation) is image.FactorizedReduce:
        norm = _norm(operation.bn)
        return None if norm is None else Halving(operation, norm)
    if type(operation) in (nn.MaxPool2d, nn.AvgPool2d):
        return _pooling(operation, None)
    if type(operation) not in (nn.Sequential, image.ReLUConvBN):
        return None
    parts = list(operation.children())
    if len(parts) == 2 and (norm := _norm(parts[1])) is not None:
        return _pooling(parts[0], norm)
    stages = _stages(parts)
    return None if stages is None else Stages(stages)


def is_hooked(module: nn.Module) -> bool:
    """Whether `module` does more, or something else, than its class says."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return any(hooks) or "forward" in module.__dict__ or "parametrizations" in module._modules


def _norm(module: nn.Module) -> nn.BatchNorm2d | None:
    """`module` as torch's own batch normalisation; one that joins the statistics of ranks is no such thing."""
    return module if type(module) is nn.BatchNorm2d else None


def _pooling(module: nn.Module, norm: nn.BatchNorm2d | None) -> Pooling | None:
    if type(module) is nn.MaxPool2d:
        usual = not module.return_indices and module.dilation in (1, (1, 1))
        largest = True
    elif type(module) is nn.AvgPool2d:
        usual = not module.count_include_pad and module.divisor_override is None
        largest = False
    else:
        return None
    if not usual or module.ceil_mode or _pair(module.kernel_size) != (3, 3) or _pair(module.padding) != (1, 1):
        return None
    height, width = _pair(module.stride)
    return Pooling(largest, height, norm) if height == width else None


def _pair(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)


def _stages(parts: Sequence[nn.Module]) -> tuple[Stage, ...] | None:
    """`parts` as stages of ReLU, convolutions, normalisation; None where they are something else."""
    found: list[Stage] = []
    convolutions: list[nn.Conv2d] = []
    for index, part in enumerate(parts):
        if _is_relu(part) and not convolutions and index + 1 < len(parts):
            continue
        if isinstance(part, nn.Conv2d) and type(part) in (nn.Conv2d, SlicedPointwise):
            if not convolutions and not (index > 0 and _is_relu(parts[index - 1])):
                return None  # a stage begins by a ReLU
            convolutions.append(part)
            continue
        norm = _norm(part)
        stage = None if norm is None else _stage(convolutions, norm)
        if stage is None:
            return None
        found.append(stage)
        convolutions = []
    strided = any(stage.first.stride != (1, 1) for stage in found[1:])
    return None if convolutions or strided or not found else tuple(found)


def _is_relu(module: nn.Module) -> bool:
    """Whether `module` is a ReLU that leaves its input as it is."""
    return type(module) is nn.ReLU and not module.inplace


def _stage(convolutions: Sequence[nn.Conv2d], norm: nn.BatchNorm2d) -> Stage | None:
    if not 1 <= len(convolutions) <= 2 or not all(_keeps_size(conv) for conv in convolutions):
        return None
    *depthwise, conv = convolutions
    if conv.groups != 1 or conv.out_channels != norm.num_features:
        return None
    if not depthwise:
        return Stage(None, conv, norm)
    first = depthwise[0]
    alone = first.groups == first.in_channels == first.out_channels
    return Stage(first, conv, norm) if alone and conv.kernel_size == (1, 1) and conv.stride == (1, 1) else None


def _keeps_size(conv: nn.Conv2d) -> bool:
    """Whether `conv` has a square odd kernel, no bias and zeros around: of stride 1 it keeps height and width."""
    kernel, padding = conv.kernel_size[0], conv.padding
    square = conv.kernel_size == (kernel, kernel) and kernel % 2 == 1
    same = isinstance(padding, tuple) and padding == tuple(d * (kernel - 1) // 2 for d in conv.dilation)
    even = conv.stride[0] == conv.stride[1] and conv.dilation[0] == conv.dilation[1]
    return square and same and even and conv.bias is None and conv.padding_mode == "zeros"
