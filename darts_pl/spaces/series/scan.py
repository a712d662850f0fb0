"""The recurrence of selective state spaces."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

SMALL = 16  # time steps that are not worth cutting up


def scan(decay: Tensor, drive: Tensor) -> Tensor:
    """h_t = decay_t · h_{t-1} + drive_t with h_0 = 0, element by element, along the first axis.

    Where it is to be differentiated on a CPU, step by step in one pass over memory (see `_Steps`). Elsewhere, where a
    step costs a launch, in about 2 √L steps instead of L: the sequence is cut into chunks of about √L, the recurrence
    runs within all of them at once, and what a chunk hands on is carried through the chunks. Only products of decays
    are formed, no quotients, so that decays near 0 do no harm. Differentiable any number of times.

    Args:
        decay, drive: (L, ...).

    Returns:
        h, (L, ...).
    """
    if drive.requires_grad and drive.device.type == "cpu" and decay.dtype == drive.dtype:
        states: Tensor = _Steps.apply(decay[1:], drive, False)
        return states
    length = len(drive)
    size = _chunk_size(length)
    chunks = -(-length // size)
    missing = chunks * size - length
    if missing:  # behind the end, so that nothing depends on it
        decay, drive = (torch.cat([x, x.new_zeros(missing, *x.shape[1:])]) for x in (decay, drive))
    decays, drives = (x.unflatten(0, (chunks, size)).unbind(1) for x in (decay, drive))
    within = [drives[0]]
    for a, b in zip(decays[1:], drives[1:]):
        within.append(a * within[-1] + b)
    if chunks > 1:
        within = _carry_over_chunks(decays, within)
    return torch.stack(within, dim=1).flatten(0, 1)[:length]


class _Steps(torch.autograd.Function):
    """h_t = link_{t-1} · h_{t-1} + drive_t for t = 1, 2, …, or with `reverse` h_t = link_t · h_{t+1} + drive_t for t =
    L - 2, L - 3, …; links (L - 1, ...), drive (L, ...). The slope of either is the other on the slope of h, so that
    both can be differentiated any number of times."""

    @staticmethod
    def forward(ctx: Any, links: Tensor, drive: Tensor, reverse: bool) -> Tensor:
        """→ h, (L, ...)."""
        states = torch.empty_like(drive)
        h, drives, steps = (list(x.unbind()) for x in (states, drive, links))
        if reverse:
            for each in (h, drives, steps):
                each.reverse()
        h[0].copy_(drives[0])
        for t, link in enumerate(steps):
            torch.addcmul(drives[t + 1], link, h[t], out=h[t + 1])
        ctx.save_for_backward(links, states)
        ctx.reverse = reverse
        return states

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor, None]:
        """Of h (L, ...) → of links and drive."""
        links, states = ctx.saved_tensors
        of_drive: Tensor = _Steps.apply(links, slopes[0], not ctx.reverse)
        of_links = of_drive[:-1] * states[1:] if ctx.reverse else of_drive[1:] * states[:-1]
        return of_links, of_drive, None


def _carry_over_chunks(decay: Sequence[Tensor], within: list[Tensor]) -> list[Tensor]:
    """The states of all chunks, (chunks, ...) a place, from those that each chunk has when it begins at 0."""
    products = [decay[0]]
    for a in decay[1:]:
        products.append(a * products[-1])
    carry = [torch.zeros_like(within[0][0])]
    for a, b in zip(products[-1][:-1], within[-1][:-1]):
        carry.append(a * carry[-1] + b)
    start = torch.stack(carry)
    return [h + a * start for h, a in zip(within, products)]


def _chunk_size(length: int) -> int:
    """About √L, a divisor of L where there is one up to twice that; L itself where it is small."""
    if length <= SMALL:
        return length
    root = math.isqrt(length - 1) + 1
    return next((size for size in range(root, 2 * root + 1) if length % size == 0), root)
