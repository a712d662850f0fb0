"""The recurrence of selective state spaces."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

SMALL = 16  # time steps that are not worth cutting up


def scan(decay: Tensor, drive: Tensor) -> Tensor:
    """h_t = decay_t · h_{t-1} + drive_t with h_0 = 0, element by element, along the first axis.

    In about 2 √L steps instead of L: the sequence is cut into chunks of about √L, the recurrence runs within all of
    them at once, and what a chunk hands on is carried through the chunks. Only products of decays are formed, no
    quotients, so that decays near 0 do no harm. Differentiable any number of times.

    Args:
        decay, drive: (L, ...).

    Returns:
        h, (L, ...).
    """
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
