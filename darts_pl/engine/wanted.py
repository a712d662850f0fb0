"""Which gradients a backward pass asks an autograd function for."""

from typing import Any

import torch


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
