"""The call of the kernels for a cell of dense convolutions."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from darts_pl.engine.native.build import library
from darts_pl.engine.native.dense_plan import CellStructure, ConvolutionStructure, Layout
from darts_pl.engine.native.memory import store
from darts_pl.engine.norms import takes_batch_statistics, tracking_rate


class Addresses:
    """The convolutions of a pass, with the addresses of parameters and running statistics.

    Args:
        parameters: those of `layout`.
    """

    def __init__(self, layout: Layout, parameters: Sequence[Tensor]):
        self.layout = layout
        self.structures = _copied(layout.structures)
        self._copies: list[Tensor] = []  # of weights that lie in no way that the kernels know
        given = iter(parameters)
        for into, norm in zip(self.structures, layout.norms):
            into.channels_last, into.weight = self._placed(next(given))
            if norm is None:
                continue
            if norm.weight is not None:
                into.scale, into.shift = next(given).data_ptr(), next(given).data_ptr()
            into.batch_statistics = takes_batch_statistics(norm)
            into.running_mean, into.running_var = _address(norm.running_mean), _address(norm.running_var)

    def _placed(self, weight: Tensor) -> tuple[bool, int]:
        """(whether it lies channels last, its address)."""
        if weight.is_contiguous():
            return False, weight.data_ptr()
        if not weight.is_contiguous(memory_format=torch.channels_last):
            weight = weight.contiguous(memory_format=torch.channels_last)
            self._copies.append(weight)
        return True, weight.data_ptr()

    def track(self) -> None:
        """Let running statistics go along with the pass."""
        for into, norm in zip(self.structures, self.layout.norms):
            rate = None if norm is None else tracking_rate(norm)
            into.momentum = -1.0 if rate is None else rate

    def with_gradients(self, gradients: Sequence[Tensor | None]) -> "ctypes.Array[ConvolutionStructure]":
        """The convolutions with where the gradients of `parameters` go, None where one is not wanted."""
        structures, given = _copied(self.structures), iter(gradients)
        for into, norm in zip(structures, self.layout.norms):
            into.weight_gradient = _address(next(given))
            if norm is not None and norm.weight is not None:
                into.scale_gradient, into.shift_gradient = _address(next(given)), _address(next(given))
        return structures


def forward(addresses: Addresses, x: Tensor, coefficients: Tensor | None) -> tuple[Tensor, Tensor]:
    """The output (B, C', H', W'), and what the backward pass needs.

    Args:
        x: (B, C, H, W) in channels-last memory. coefficients: [M] in contiguous memory.
    """
    layout, is_double, kernels = addresses.layout, x.dtype == torch.float64, library()
    cell = _described(layout, addresses.structures, x, coefficients)
    size = ctypes.c_int64()
    kernels.dense_cell_saved(ctypes.byref(cell), is_double, ctypes.byref(size))
    saved = store.lend(max(1, size.value))
    last = layout.shapes(x.shape[2], x.shape[3])[-1]
    shape = (x.shape[0], last.channels * layout.divisor, last.height, last.width)
    y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
    cell.saved, cell.output = saved.data_ptr(), y.data_ptr()
    kernels.dense_cell_forward(ctypes.byref(cell), is_double)
    return y, saved


def backward(
    addresses: Addresses, x: Tensor, coefficients: Tensor | None, saved: Tensor, g: Tensor, of_x: Tensor | None,
    of_coefficients: Tensor | None, of_parameters: Sequence[Tensor | None],
) -> None:  # fmt: skip
    """Compute gradients from that of the output, g (B, C', H', W').

    Args:
        x, coefficients, saved: as in `forward`. of_x: as x. of_coefficients: [M] in float64, zeros. of_parameters:
            zeros, weights by `weight_layout`. None where one is not wanted.
    """
    g = g.contiguous(memory_format=torch.channels_last)
    cell = _described(addresses.layout, addresses.with_gradients(of_parameters), x, coefficients)
    cell.saved, cell.output_gradient, cell.input_gradient = saved.data_ptr(), g.data_ptr(), _address(of_x)
    cell.coefficient_gradient = _address(of_coefficients)
    library().dense_cell_backward(ctypes.byref(cell), x.dtype == torch.float64)


def _described(
    layout: Layout, structures: "ctypes.Array[ConvolutionStructure]", x: Tensor, coefficients: Tensor | None
) -> CellStructure:
    shapes, terms = layout.shapes(x.shape[2], x.shape[3]), layout.term_structures
    return CellStructure(
        x.shape[0], len(shapes), len(structures), len(terms), torch.get_num_threads(), layout.divisor,
        shapes, structures, terms, _address(coefficients), x.data_ptr(),
    )  # fmt: skip


def weight_layout(parameter: Tensor) -> torch.memory_format:
    """How the kernels take a weight (C_out, C_in, k, k) or a parameter [C]."""
    return torch.contiguous_format if parameter.is_contiguous() else torch.channels_last


def _copied(structures: "ctypes.Array[ConvolutionStructure]") -> "ctypes.Array[ConvolutionStructure]":
    return type(structures).from_buffer_copy(structures)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
