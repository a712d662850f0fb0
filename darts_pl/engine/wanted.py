"""Which gradients a backward pass asks an autograd function for, and whether they will be differentiated in turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

_TWICE = ContextVar("passes are to be differentiated twice", default=False)


@contextmanager
def differentiated_twice() -> Iterator[None]:
    """Within, cells run by what has second derivatives, whichever engine was chosen: for passes whose gradients are
    taken with create_graph=True."""
    token = _TWICE.set(True)
    try:
        yield
    finally:
        _TWICE.reset(token)


def are_second_wanted() -> bool:
    """Whether the running pass is within `differentiated_twice`."""
    return _TWICE.get()


def is_wanted(ctx: Any, index: int) -> bool:
    """Whether the running backward pass needs the gradient of the tensor input `index`, counted among tensors.

    `ctx.needs_input_grad` says whether the input requires one. Where a part is asked for, as by
    `torch.autograd.grad(loss, alphas)`, that includes weights whose gradients nobody will read.
    """
    node = ctx.next_functions[index][0]
    if node is None:
        return False
    try:
        # Private, but what torch's own checkpointing and FSDP ask; torch has no public way to it (2.8 to 2.13).
        return torch._C._will_engine_execute_node(node)
    except RuntimeError as error:
        if "leaf node" not in str(error):
            raise
        return True  # how it refuses a leaf whose gradient `torch.autograd.grad` was asked for; others give False
