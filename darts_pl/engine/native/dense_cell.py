"""Cells of dense convolutions, as those of NAS-Bench-201 are: one call of the kernels forward, one backward."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from darts_pl.engine.candidates import knows_draws
from darts_pl.engine.native.dense_call import DenseCall, weight_layout
from darts_pl.engine.native.dense_plan import Convolution, Passage, knows, passage
from darts_pl.errors import ConfigError
from darts_pl.spaces.walk import DerivedCell, GraphCell, SearchedCell


def supports(cell: GraphCell, inputs: Sequence[Tensor]) -> bool:
    """Whether `run` computes the pass of `cell` on `inputs`."""
    if not isinstance(cell, SearchedCell | DerivedCell) or len(inputs) != 1:
        return False
    (x,) = inputs
    if x.dim() != 4 or x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64) or x.numel() == 0:
        return False
    if cell.training and x.numel() == x.shape[1]:
        return False  # a value a channel has no variance, which torch says
    parameters = all(p.dtype == x.dtype and p.device == x.device for p in cell.parameters())
    return parameters and not torch.is_autocast_enabled("cpu") and knows_draws(cell) and knows(cell)


def run(cell: SearchedCell | DerivedCell, x: Tensor) -> Tensor:
    """(B, C, H, W) → the output of `cell` (B, C, H, W), as its walk gives it."""
    found = passage(cell, x)
    parameters = [p for each in found.convolutions for p in _parameters(each) if p is not None]
    y: Tensor = DenseCellFunction.apply(found._replace(coefficients=None), x, found.coefficients, *parameters)
    return y


def _parameters(convolution: Convolution) -> tuple[Tensor, Tensor | None, Tensor | None]:
    stage = convolution.stage
    return stage.conv.weight, stage.norm.weight, stage.norm.bias


def _zeros_like(parameter: Tensor) -> Tensor:
    layout = weight_layout(parameter) if parameter.dim() == 4 else torch.contiguous_format
    return torch.zeros_like(parameter, memory_format=layout)


def will_run(function: Any) -> bool:
    """Whether the backward pass that is running wants the gradient that goes to `function`, None: nobody does. The
    pass of an architecture step wants none of the weights'."""
    if function is None:
        return False
    try:
        return bool(torch._C._will_engine_execute_node(function))
    except RuntimeError:  # a leaf that `torch.autograd.grad` was asked for: others are answered with False
        return True


class DenseCellFunction(torch.autograd.Function):
    """The output of a cell, differentiable once."""

    @staticmethod
    def forward(ctx: Any, found: Passage, x: Tensor, coefficients: Tensor | None, *parameters: Tensor) -> Tensor:
        """x (B, C, H, W), coefficients [M], the parameters of all convolutions → (B, C, H, W)."""
        x = x.contiguous(memory_format=torch.channels_last)
        call = DenseCall(found, x, coefficients, parameters)
        call.track()
        y, saved = torch.empty_like(x), call.saved()
        call.forward(saved, y)
        ctx.found, ctx.batch_statistics = found, call.batch_statistics
        ctx.save_for_backward(x, coefficients, saved, *parameters)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """gradients: of the output → of all arguments of `forward`.

        Raises:
            ConfigError: a graph of the gradients is asked for.
        """
        if torch.is_grad_enabled():
            raise ConfigError("engine=native has no second derivatives. Take engine=fast or engine=plain")
        x, coefficients, saved, *parameters = ctx.saved_tensors
        wanted = iter([will_run(function) for function, _ in ctx.next_functions])
        of_x = torch.empty_like(x) if next(wanted) else None
        of_coefficients = None
        if coefficients is not None:
            next(wanted)  # they cost nothing
            of_coefficients = coefficients.new_zeros(coefficients.shape, dtype=torch.float64)
        of_parameters = [_zeros_like(p) if want else None for p, want in zip(parameters, wanted, strict=True)]
        call = DenseCall(ctx.found, x, coefficients, parameters)
        call.batch_statistics = ctx.batch_statistics
        call.backward(saved, gradients[0], of_x, of_coefficients, of_parameters)
        return None, of_x, None if of_coefficients is None else of_coefficients.to(x.dtype), *of_parameters
