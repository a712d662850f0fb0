"""Cells that keep their inputs alone and run again in the backward pass (checkpointing, arXiv:1604.06174)."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint

from darts_pl.lit.rule_steps import buffers_spared
from darts_pl.spaces.base import DerivedNetwork
from darts_pl.spaces.choice import ChoiceModule, Taken
from darts_pl.spaces.supernet import Supernet

log = logging.getLogger("darts_pl")

Modes = list[tuple[nn.Module, bool]]
Gates = list[tuple[ChoiceModule, Taken]]


@contextmanager
def recomputing(module: nn.Module, wanted: bool = True) -> Iterator[None]:
    """Within, and where it is `wanted`, the cells of the networks in `module` run again in the backward pass: the same
    numbers to the bit, for a second forward pass instead of the memory between a cell's inputs and its output. Drawn
    numbers are drawn again, running statistics are updated once."""
    cells = list(_cells(module)) if wanted else []
    if wanted and not cells:
        log.info("hardware.recompute: this network has no cells in a row, so all that they computed is kept")
    for cell in cells:
        cell.forward = _recomputed(cell)
    try:
        yield
    finally:
        for cell in cells:
            del cell.forward  # the class has its own


def _cells(module: nn.Module) -> Iterator[nn.Module]:
    for network in module.modules():
        if isinstance(network, Supernet | DerivedNetwork):
            for name, part in network.named_children():
                if name == "cells" and isinstance(part, Iterable):
                    yield from part


def _recomputed(cell: nn.Module) -> Callable[..., Any]:
    run = cell.forward

    def forward(*inputs: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return run(*inputs, **named)
        modes = [(part, part.training) for part in cell.modules()]  # the backward pass may come in another mode
        # … and after passes by other gates, such as those of a second loss
        gates = [(part, part.taken()) for part in cell.modules() if isinstance(part, ChoiceModule)]
        again = _FirstPass(cell, modes, gates)
        return checkpoint(run, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), again), **named)

    return forward


class _FirstPass(AbstractContextManager):
    """`_first_pass_restored` for any number of passes: differentiating twice runs a cell again for each derivative."""

    def __init__(self, cell: nn.Module, modes: Modes, gates: Gates):
        self.cell, self.modes, self.gates = cell, modes, gates
        self.passes: list[ExitStack] = []

    def __enter__(self) -> None:
        self.passes.append(ExitStack())
        self.passes[-1].enter_context(_first_pass_restored(self.cell, self.modes, self.gates))

    def __exit__(self, *error: Any) -> None:
        self.passes.pop().__exit__(*error)


@contextmanager
def _first_pass_restored(cell: nn.Module, modes: Modes, gates: Gates) -> Iterator[None]:
    """Within, the parts of `cell` are in the modes and have the gates of the first pass, and what it writes to buffers,
    such as running statistics, is dropped: the first pass has written it."""
    now, gates_now = [(part, part.training) for part, _ in modes], [(part, part.taken()) for part, _ in gates]
    with buffers_spared(cell):
        for part, training in modes:
            part.training = training
        for part, taken in gates:
            part.take(*taken)
        try:
            yield
        finally:  # the pass ends by an exception once it has what the backward pass needs
            for part, training in now:
                part.training = training
            for part, taken in gates_now:
                part.take(*taken)
