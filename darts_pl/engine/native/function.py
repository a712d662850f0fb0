"""A cell as one autograd function."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from darts_pl.engine.native.kernels import Gradients, Kernels, Pointers
from darts_pl.engine.native.plan import Plan
from darts_pl.engine.native.reaching import Reaching
from darts_pl.engine.wanted import is_wanted
from darts_pl.errors import ConfigError


class Call(NamedTuple):
    """What a pass through a cell takes beside tensors that may want gradients."""

    plan: Plan
    kernels: Kernels
    masks: Sequence[Tensor]
    reaching: Reaching


def run_cell(call: Call, inputs: Sequence[Tensor], gates: Sequence[Tensor], parameters: Sequence[Tensor]) -> Tensor:
    """The output of a cell, (B, len(concat) · C, H, W) in channels-last memory.

    Args:
        inputs: of the cell, (B, C', H', W'). gates: scalars, in the order of the plan. parameters: those of
            the plan.

    Raises:
        ConfigError: in the backward pass, where it is to be differentiated in turn.
    """
    row = torch.stack(list(gates)) if gates else None
    if not torch.is_grad_enabled():
        return _computed(call, row, [*inputs, *parameters])[0]
    output: Tensor = _CellFunction.apply(call, row, *inputs, *parameters)
    return output


def _computed(
    call: Call, gates: Tensor | None, tensors: Sequence[Tensor]
) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
    """(the output; what the backward pass reads: what was saved, inputs and parameters as they were read)."""
    plan = call.plan
    inputs = [_channels_last(x) for x in tensors[: plan.inputs]]
    parameters = [each if each.is_contiguous() else _laid_out(each) for each in tensors[plan.inputs :]]
    height, width = plan.sizes[plan.concat[0]]
    output = _empty((plan.batch, len(plan.concat) * plan.channels, height, width), inputs[0])
    saved = call.kernels.forward(_pointers(call, inputs, parameters, plan.buffers()), gates, output)
    return output, saved, inputs, parameters


class _CellFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Call, gates: Tensor | None, *tensors: Tensor) -> Tensor:
        output, saved, inputs, parameters = _computed(call, gates, tensors)
        ctx.call, ctx.has_gates = call, gates is not None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(saved, *([] if gates is None else [gates]), *inputs, *parameters)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        if gradient is None:  # nothing behind reads the output
            return (None,) * len(ctx.needs_input_grad)
        if torch.is_grad_enabled():
            raise ConfigError(
                "the native engine has no second derivatives, which create_graph=True asks for: choose engine=fast or "
                "engine=plain"
            )
        call: Call = ctx.call
        plan = call.plan
        saved, *tensors = ctx.saved_tensors
        gates = tensors.pop(0) if ctx.has_gates else None
        inputs, parameters = tensors[: plan.inputs], tensors[plan.inputs :]
        first = 1 if ctx.has_gates else 0  # where the inputs begin among the tensors
        of_inputs = [_empty(x.shape, x) if is_wanted(ctx, first + index) else None for index, x in enumerate(inputs)]
        wants_parameters = any(is_wanted(ctx, index) for index in range(first + len(inputs), len(ctx.next_functions)))
        of_parameters = _flat_like(parameters) if wants_parameters else [None] * len(parameters)
        of_gates = torch.empty(plan.gates, dtype=torch.float64)
        target = Gradients(of_inputs, of_gates, *plan.spread(of_parameters), wants_parameters)
        pointers = _pointers(call, inputs, parameters, [None] * (3 * len(plan.norms)))
        call.kernels.backward(pointers, gates, saved, _channels_last(gradient), target)
        of_row = of_gates.to(gates.dtype) if gates is not None and any(call.reaching.gates) else None
        kept = [each if reaches else None for each, reaches in zip(of_parameters, call.reaching.parameters)]
        return (
            None,
            of_row,
            *(each if reaches else None for each, reaches in zip(of_inputs, call.reaching.inputs)),
            *kept,
        )


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _laid_out(parameter: Tensor) -> Tensor:
    """A parameter, or a copy that lies as the kernels read it: filters (C, 1, k, k) and matrices (O, I, 1, 1) lie alike
    in either memory format."""
    one = parameter.dim() == 4 and parameter.is_contiguous(memory_format=torch.channels_last)
    return parameter if one else parameter.contiguous()


def _empty(shape: Sequence[int], like: Tensor) -> Tensor:
    return torch.empty(tuple(shape), dtype=like.dtype, memory_format=torch.channels_last)


def _flat_like(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of the same shapes out of one block of memory."""
    flat = torch.empty(sum(each.numel() for each in tensors), dtype=tensors[0].dtype)
    return list(torch._C._nn.unflatten_dense_tensors(flat, list(tensors)))


def _pointers(
    call: Call, inputs: Sequence[Tensor], parameters: Sequence[Tensor], buffers: Sequence[Tensor | None]
) -> Pointers:
    weights, affine = call.plan.spread(parameters)
    norms: list[Tensor | None] = []
    for index in range(len(call.plan.norms)):
        norms += affine[2 * index : 2 * index + 2]
        norms += buffers[3 * index : 3 * index + 3]
    return Pointers(inputs, weights, norms, call.masks)
