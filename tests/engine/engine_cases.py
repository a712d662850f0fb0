"""Networks on which engines are compared, and what is compared: everything that a pass leaves behind."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn as nn
from torch import Tensor

from darts_pl.engine.choosing import running_by
from darts_pl.ops.image import PRIMITIVES
from darts_pl.relaxations import Gumbel, Softmax
from darts_pl.relaxations.mixing import MixingFunction, PartialChannels, SinglePath, full
from darts_pl.spaces import CellSpace, Nasbench201Space
from darts_pl.spaces.supernet import Supernet


class Case(NamedTuple):
    """A supernet to compare on.

    Args:
        size: (H, W) of the images. batch: how many. space: `cells` or `nasbench201`. dropping: the probability by which
            edges are dropped for a sample.
    """

    mixing: MixingFunction = full
    primitives: Sequence[str] = PRIMITIVES
    channels: int = 4
    size: tuple[int, int] = (8, 8)
    batch: int = 3
    num_nodes: int = 2
    space: str = "cells"
    hard: bool = False
    auxiliary: bool = False
    dropping: float = 0.0


CASES = {
    "all primitives": Case(),
    "odd sizes, odd channels": Case(channels=3, size=(9, 7)),
    "one image": Case(batch=1, num_nodes=3),
    "wider than a vector": Case(channels=20, size=(6, 6), batch=2),
    "no pooling": Case(primitives=("none", "skip_connect", "sep_conv_3x3", "dil_conv_5x5")),
    "pooling alone": Case(primitives=("max_pool_3x3", "avg_pool_3x3", "none")),
    "dense and unknown": Case(primitives=("none", "nor_conv_3x3", "conv_7x1_1x7", "sep_conv_7x7", "nor_conv_1x1")),
    "partial": Case(mixing=PartialChannels(), channels=8),
    "single path": Case(mixing=SinglePath(), hard=True),
    "single path without its constant": Case(mixing=SinglePath(constant=False), hard=True),
    "partial single path": Case(mixing=PartialChannels(2, False, SinglePath()), hard=True),
    "gumbel": Case(hard=True),
    "auxiliary skips": Case(auxiliary=True),
    "dropped edges": Case(dropping=0.4, batch=5),
    "dropped edges beside auxiliary skips": Case(dropping=0.4, batch=5, auxiliary=True),
    "dropped single path": Case(mixing=SinglePath(), hard=True, dropping=0.4, batch=5),
    "dropped edges, partial": Case(mixing=PartialChannels(), channels=8, dropping=0.4, batch=5),
    "nasbench201, dropped edges": Case(space="nasbench201", dropping=0.4, batch=5),
    "nasbench201": Case(space="nasbench201"),
    "nasbench201, odd": Case(space="nasbench201", channels=5, size=(7, 9)),
    "nasbench201, partial": Case(space="nasbench201", mixing=PartialChannels(), channels=8),
}


def supernet(case: Case, dtype: torch.dtype = torch.float64) -> Supernet:
    """A supernet with alphas that are far from equal, in channels-last memory."""
    torch.manual_seed(0)
    space: CellSpace | Nasbench201Space = (
        Nasbench201Space(init_channels=case.channels, layers=1)
        if case.space == "nasbench201"
        else CellSpace(init_channels=case.channels, layers=3, num_nodes=case.num_nodes, primitives=case.primitives)
    )
    relaxation = Gumbel(hard=True) if case.hard else Softmax()
    network = space.supernet(
        (3, *case.size), 4, relaxation=relaxation, mixing=case.mixing, auxiliary_skip=case.auxiliary
    )
    with torch.no_grad():
        for alpha in network.arch_parameters():
            alpha.copy_(torch.randn_like(alpha))
    for choice in network.choices():
        choice.auxiliary_weight = 0.7 if case.auxiliary else 0.0
        choice.drop_path_probability = case.dropping
    return network.to(dtype).to(memory_format=torch.channels_last)


def images(case: Case, dtype: torch.dtype = torch.float64) -> Tensor:
    """(B, 3, H, W) in channels-last memory."""
    drawn = torch.randn(case.batch, 3, *case.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return drawn.to(dtype).contiguous(memory_format=torch.channels_last)


def passed(network: nn.Module, x: Tensor, engine: str, seed: int = 2) -> dict[str, Tensor | None]:
    """What two passes of a copy of `network` by `engine` leave: outputs, gradients of input, weights and alphas, and
    all buffers."""
    network = copy.deepcopy(network)
    torch.manual_seed(seed)  # gates and paths are drawn alike
    found = {}
    with running_by(network, engine):
        for index in range(2):
            x = x.detach().clone().requires_grad_()
            y = network(x)
            y = y[0] if isinstance(y, tuple) else y
            found[f"output {index}"] = y.detach()
            y.square().mean().backward()
            found[f"input {index}"] = x.grad
    found |= {f"gradient of {name}": p.grad for name, p in network.named_parameters()}
    return found | {name: buffer.double() for name, buffer in network.named_buffers()}


def largest_difference(found: dict[str, Tensor | None], expected: dict[str, Tensor | None]) -> tuple[float, str]:
    """The largest difference over all tensors relative to the largest value of each, and the name of that tensor."""
    assert found.keys() == expected.keys()
    worst = (0.0, "")
    for name, value in expected.items():
        other = found[name]
        assert (value is None) == (other is None), f"{name}: no gradient is not one of zero"
        if value is None or other is None:
            continue
        scale = max(1e-3, float(value.abs().max()))
        worst = max(worst, (float((other - value).abs().max()) / scale, name))
    return worst
