"""What a step asks PyTorch for: calls, operations, bytes; and what its graph keeps."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

MIB = 2**20
aten = torch.ops.aten


class Counts(TorchDispatchMode):
    """Within, PyTorch's calls are counted; what kernels of one's own do inside a call is not seen.

    Attributes:
        calls: of operations, views and the like aside. bytes: of the tensors that went into calls and came out.
        flops: of convolutions and matrix products, two a multiplication with its addition.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.bytes = self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the call and count it."""
        given = kwargs or {}
        found = func(*args, **given)
        if func.is_view or func.overloadpacket in WITHOUT_WORK:
            return found
        self.calls += 1
        self.bytes += sum(_bytes(leaf) for leaf in tree_leaves((args, given, found)))
        self.flops += _flops(func.overloadpacket, args, given, found)
        return found


WITHOUT_WORK = {aten.detach, aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty, aten.new_empty_strided}


def _bytes(leaf: object) -> int:
    return leaf.numel() * leaf.element_size() if isinstance(leaf, Tensor) else 0


def _flops(packet: Any, args: tuple[Any, ...], given: dict[str, Any], found: Any) -> int:
    if packet == aten.convolution_backward:
        return _backward_flops(*args)
    formula: Callable[..., int] | None = flop_registry.get(packet)
    return 0 if formula is None else formula(*args, **given, out_val=found)


def _backward_flops(grad: Tensor, x: Tensor, weight: Tensor, *others: Any) -> int:
    """Of the gradients of input and weight, as far as they are asked for, each as much as the forward pass: `grad`
    (B, O, ...), `weight` (O, I / groups, ...). The formula in torch 2.13 counts grouped convolutions as if they had one
    group."""
    wants_input, wants_weight, _ = others[-1]
    return (wants_input + wants_weight) * 2 * grad.numel() * (weight.numel() // weight.shape[0])


def saved_mib(loss: Callable[[], Tensor], owned: Sequence[Tensor]) -> float:
    """MiB of the distinct storages that autograd keeps for the backward pass of `loss()`, those of `owned` aside."""
    own = {tensor.untyped_storage().data_ptr() for tensor in owned}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        graph = loss()  # held until all is counted: a freed address would come again
    total = sum(kept.values())
    del graph
    return total / MIB
