"""Cells that keep their inputs alone and run again in the backward pass (checkpointing, arXiv:1604.06174)."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint

from darts_pl.lit.rule_steps import buffers_spared
from darts_pl.spaces.architecture import SearchNetwork
from darts_pl.spaces.network import DerivedNetwork

log = logging.getLogger("darts_pl")


@contextmanager
def recomputing(module: nn.Module, wanted: bool = True) -> Iterator[None]:
    """Within, and where it is `wanted`, the cells of the networks in `module` run again in the backward pass: the same
    numbers to the bit, for a second forward pass instead of the memory between a cell's inputs and its output. Drawn
    numbers are drawn again, running statistics are updated once."""
    cells = list(_cells(module)) if wanted else []
    if wanted and not cells:
        log.info("hardware.recompute: this network has no cells in a row, so all that they computed is kept")
    for cell in cells:
        cell.forward = _again_in_backward(cell)
    try:
        yield
    finally:
        for cell in cells:
            del cell.forward  # the class has its own


def _cells(module: nn.Module) -> Iterator[nn.Module]:
    for network in module.modules():
        if isinstance(network, SearchNetwork | DerivedNetwork):
            for name, part in network.named_children():
                yield from part if name == "cells" else ()


def _again_in_backward(cell: nn.Module) -> Callable[..., Any]:
    run = cell.forward

    def forward(*inputs: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return run(*inputs, **named)
        modes = [(part, part.training) for part in cell.modules()]  # the backward pass may come in another mode
        return checkpoint(
            run, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), _AsItWas(cell, modes)), **named
        )

    return forward


class _AsItWas(AbstractContextManager):
    """`_as_it_was` for any number of passes: differentiating twice runs a cell again for each derivative."""

    def __init__(self, cell: nn.Module, modes: list[tuple[nn.Module, bool]]):
        self.cell, self.modes = cell, modes
        self.passes: list[ExitStack] = []

    def __enter__(self) -> None:
        self.passes.append(ExitStack())
        self.passes[-1].enter_context(_as_it_was(self.cell, self.modes))

    def __exit__(self, *error: Any) -> None:
        self.passes.pop().__exit__(*error)


@contextmanager
def _as_it_was(cell: nn.Module, modes: list[tuple[nn.Module, bool]]) -> Iterator[None]:
    """Within, the parts of `cell` are in the modes of the first pass, and what it writes to buffers, such as running
    statistics, is dropped: the first pass has written it."""
    now = [(part, part.training) for part, _ in modes]
    with buffers_spared(cell):
        for part, training in modes:
            part.training = training
        try:
            yield
        finally:  # the pass ends by an exception once it has what the backward pass needs
            for part, training in now:
                part.training = training
