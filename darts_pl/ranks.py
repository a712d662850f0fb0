"""Processes that train one model together, each on its part of every batch: what they have to agree on.

Alphas and weights stay equal to the bit on all ranks because every rank takes the same step: gradients are averaged
before they are used, gates are drawn from the same seed, and buffers are those of rank 0. Lightning's DDP reduces by
hooks on `backward`, which `torch.autograd.grad`, that all alpha gradients come from, does not call; so everything is
reduced here, in the open. With one rank, or no process group, every function gives back what it was given.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor
from torch.autograd.function import once_differentiable

T = TypeVar("T")


def world() -> int:
    """How many processes train together; 1 where this one is alone."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if world() > 1 else 0


def own_part(count: int) -> slice:
    """Which of `count` samples of a batch are this rank's. Parts lie side by side and differ by one sample at most. A
    batch too small to give everyone two, which a batch normalisation needs, is worked on whole by every rank."""
    ranks, own = world(), rank()
    if count < 2 * ranks:
        return slice(0, count)
    return slice(own * count // ranks, (own + 1) * count // ranks)


def own_samples(batch: T) -> T:
    """This rank's part of a batch: a tensor [B, ...], or dictionaries and sequences of them."""
    if world() == 1:
        return batch
    sizes: list[int] = []
    apply_to_collection(batch, Tensor, lambda tensor: sizes.extend(tensor.shape[:1]))
    part = own_part(sizes[0])
    return apply_to_collection(batch, Tensor, lambda tensor: tensor[part] if tensor.dim() else tensor)


def joined_samples(batch: T) -> T:
    """The parts of all ranks one behind the other: what `own_samples` was given."""
    if world() == 1:
        return batch
    parts: list[Any] = [None] * world()
    dist.all_gather_object(parts, apply_to_collection(batch, Tensor, lambda tensor: tensor.cpu()))
    rows: list[list[Tensor]] = []
    for part in parts:
        rows.append([])
        apply_to_collection(part, Tensor, rows[-1].append)
    whole = iter([torch.cat(same) if same[0].dim() else same[0] for same in zip(*rows, strict=True)])
    return apply_to_collection(batch, Tensor, lambda tensor: next(whole).to(tensor.device))


def shares(counts: Sequence[int], device: torch.device) -> list[Tensor | None]:
    """What the mean losses over this rank's `counts` samples are to be weighted by, so that their mean over the ranks
    is the mean over all samples: scalars, 1 where parts are of one size. None, for no weight, with one rank."""
    if world() == 1:
        return [None] * len(counts)
    own = torch.tensor(counts, dtype=torch.float64, device=device)
    total = own.clone()
    dist.all_reduce(total)
    return list((own * world() / total).unbind())


def weighted(loss: Tensor, share: Tensor | None) -> Tensor:
    """`loss` times its share."""
    return loss if share is None else loss * share.to(loss.dtype)


def mean(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The mean of each over the ranks, the same bits on all of them."""
    if world() == 1:
        return list(tensors)
    return [torch.empty_like(tensor).copy_(part) for tensor, part in zip(tensors, _flattened(tensors, _averaged))]


def mean_gradients(parameters: Iterable[Tensor]) -> None:
    """Average `grad` over the ranks. A parameter that has none on any rank, such as those of a candidate that was not
    drawn, keeps none; where some ranks have one, it is zero on the others."""
    if world() == 1:
        return
    parameters = list(parameters)
    have = torch.tensor([each.grad is not None for each in parameters], dtype=torch.uint8, device=parameters[0].device)
    dist.all_reduce(have, op=dist.ReduceOp.MAX)
    used = [each for each, flag in zip(parameters, have.tolist(), strict=True) if flag]
    grads: list[Tensor] = []
    for each in used:
        each.grad = torch.zeros_like(each) if each.grad is None else each.grad
        grads.append(each.grad)
    for grad, part in zip(grads, _flattened(grads, _averaged)):
        grad.copy_(part)  # in place, so that it keeps its memory layout


def take_first(tensors: Iterable[Tensor]) -> None:
    """Give all ranks the values of rank 0, in place; whole numbers and masks, which are the same anyway, are left."""
    if world() == 1:
        return
    tensors = [tensor for tensor in tensors if tensor.is_floating_point()]
    with torch.no_grad():
        for tensor, part in zip(tensors, _flattened(tensors, lambda flat: dist.broadcast(flat, 0))):
            tensor.copy_(part)


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether `flag` is set on one of the ranks."""
    if world() == 1:
        return flag
    found = torch.tensor(int(flag), device=device)
    dist.all_reduce(found, op=dist.ReduceOp.MAX)
    return bool(found)


def is_of_connection(error: BaseException) -> bool:
    """Whether `error` says that another rank does not answer."""
    if not isinstance(error, RuntimeError):
        return False
    text = str(error).lower()
    return isinstance(error, dist.DistError) or any(word in text for word in ("gloo", "nccl", "connection closed"))


def mean_loss(loss: Tensor) -> Tensor:
    """The mean over the ranks, the same bits on all; its gradient is that of this rank's `loss`."""
    return loss if world() == 1 else _MeanLoss.apply(loss)


def shared(x: Tensor) -> Tensor:
    """`x` itself, which all ranks have alike; a gradient that comes back to it is averaged over them."""
    return x if world() == 1 else _Shared.apply(x)


def summed(x: Tensor) -> Tensor:
    """The sum over the ranks; it can be differentiated, and its gradient again, as a sum over the ranks too."""
    return _Sum.apply(x)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _Sum.apply(grad)


class _MeanLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loss: Tensor) -> Tensor:
        value = loss.clone()
        _averaged(value)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return mean([grad])[0]


def _averaged(flat: Tensor) -> None:
    dist.all_reduce(flat)
    flat.div_(world())  # gloo knows no average


def _flattened(tensors: Sequence[Tensor], collective: Callable[[Tensor], object]) -> list[Tensor]:
    """What `collective` makes, in place, of `tensors`: one message for all of a type."""
    made: dict[int, Tensor] = {}
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        same = [n for n, tensor in enumerate(tensors) if tensor.dtype == dtype]
        flat = torch.cat([tensors[n].detach().flatten() for n in same])
        collective(flat)
        parts = flat.split([tensors[n].numel() for n in same])
        made.update((n, part.view(tensors[n].shape)) for n, part in zip(same, parts))
    return [made[n] for n in range(len(tensors))]
