"""A cell as one autograd function."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from darts_pl.engine.native.kernels import Gradients, Kernels, Pointers
from darts_pl.engine.native.plan import Plan
from darts_pl.engine.wanted import is_wanted
from darts_pl.errors import ConfigError


class Call(NamedTuple):
    """What a pass through a cell takes beside its states and its parameters."""

    plan: Plan
    kernels: Kernels


def run_cell(plan: Plan, states: Sequence[Tensor]) -> Tensor:
    """The output of a cell, (B, len(concat) · C, H, W) in channels-last memory.

    Args:
        states: those that are no nodes, (B, C, H, W).

    Raises:
        ConfigError: in the backward pass, where it is to be differentiated in turn.
    """
    weights = [module.weight for unit in plan.units for module in unit.modules if module is not None]
    affine = [each for norm in plan.norms for each in (norm.weight, norm.bias) if each is not None]
    row = torch.stack(plan.gates) if plan.gates else None
    call = Call(plan, Kernels(plan, states[0].dtype))
    output: Tensor = _CellFunction.apply(call, len(states), row, *states, *weights, *affine)
    return output


class _CellFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Call, inputs: int, gates: Tensor | None, *tensors: Tensor) -> Tensor:
        plan = call.plan
        states = [_channels_last(state) for state in tensors[:inputs]]
        tensors = tuple(tensors[inputs:])
        threads = torch.get_num_threads()
        height, width = plan.sizes[plan.concat[0]]
        output = states[0].new_empty((plan.batch, len(plan.concat) * plan.channels, height, width))
        output = torch.empty_like(output, memory_format=torch.channels_last)
        saved = call.kernels.forward(_pointers(call, tensors), states, gates, output, threads)
        ctx.call, ctx.has_gates = call, gates is not None
        ctx.shapes = [state.shape for state in states]
        ctx.save_for_backward(saved, *([] if gates is None else [gates]), *tensors)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise ConfigError(
                "the native engine has no second derivatives, which create_graph=True asks for: choose engine=fast or "
                "engine=plain"
            )
        call: Call = ctx.call
        saved, *tensors = ctx.saved_tensors
        gates = tensors.pop(0) if ctx.has_gates else None
        first = 1 if ctx.has_gates else 0
        count = len(ctx.shapes)
        of_inputs = [
            _empty_channels_last(shape, gradients[0]) if is_wanted(ctx, first + index) else None
            for index, shape in enumerate(ctx.shapes)
        ]
        wants = any(is_wanted(ctx, first + count + index) for index in range(len(tensors)))
        of_tensors = _flat_like(tensors) if wants else [None] * len(tensors)
        of_gates = torch.empty(len(call.plan.gates), dtype=torch.float64)
        of_weights, of_norms = _spread(call.plan, of_tensors)
        target = Gradients(of_inputs, of_gates, of_weights, of_norms, wants)
        call.kernels.backward(
            _pointers(call, tensors), gates, saved, _channels_last(gradients[0]), target, torch.get_num_threads()
        )
        return None, None, None if gates is None else of_gates.to(gates.dtype), *of_inputs, *of_tensors


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _empty_channels_last(shape: torch.Size, like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last)


def _flat_like(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of the same shapes out of one block of memory."""
    flat = torch.empty(sum(each.numel() for each in tensors), dtype=tensors[0].dtype)
    return list(torch._C._nn.unflatten_dense_tensors(flat, list(tensors)))


def _spread(plan: Plan, tensors: Sequence[Tensor | None]) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """What stands for the parameters, in their order, as (three of every unit, two of every normalisation)."""
    left = iter(tensors)
    weights = [None if module is None else next(left) for unit in plan.units for module in unit.modules]
    norms = [
        None if parameter is None else next(left) for norm in plan.norms for parameter in (norm.weight, norm.bias)
    ]
    return weights, norms


def _pointers(call: Call, tensors: Sequence[Tensor]) -> Pointers:
    weights, affine = _spread(call.plan, tensors)
    norms: list[Tensor | None] = []
    for index, norm in enumerate(call.plan.norms):
        norms += affine[2 * index : 2 * index + 2]
        norms += [norm.running_mean, norm.running_var, norm.num_batches_tracked]
    return Pointers(weights, norms, call.plan.masks)
