"""The call of the kernels for a cell of dense convolutions."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from darts_pl.engine.native.build import library
from darts_pl.engine.native.dense_plan import CellStructure, ConvolutionStructure, Layout
from darts_pl.engine.native.memory import store
from darts_pl.engine.norms import takes_batch_statistics, tracking_rate


class DenseCall:
    """The description of a pass with the addresses of its tensors.

    Args:
        x: (B, C, H, W) in channels-last memory. coefficients: [M] in contiguous memory. parameters: those of `layout`.

    Attributes:
        batch_statistics: for every convolution whether it is normalised by the batch at hand.
    """

    def __init__(self, layout: Layout, x: Tensor, coefficients: Tensor | None, parameters: Sequence[Tensor]):
        self.layout, self.is_double = layout, int(x.dtype == torch.float64)
        self.batch_statistics = [norm is not None and takes_batch_statistics(norm) for norm in layout.norms]
        self.held: list[Tensor | None] = [x, coefficients, *parameters]  # what lies at the addresses
        self.convolutions = _copied(layout.structures)
        self.shapes = layout.shapes(x)
        self.cell = CellStructure(
            x.shape[0], len(self.shapes), len(self.convolutions), len(layout.term_structures), torch.get_num_threads(),
            layout.divisor, self.shapes, self.convolutions, layout.term_structures, _address(coefficients),
            x.data_ptr(),
        )  # fmt: skip
        addresses = iter(parameters)
        for into, norm in zip(self.convolutions, layout.norms):
            weight = next(addresses)
            laid = weight_layout(weight)
            kept = weight.contiguous(memory_format=laid)
            self.held.append(kept)
            into.channels_last, into.weight = laid == torch.channels_last, kept.data_ptr()
            if norm is None:
                continue
            if norm.weight is not None:
                into.scale, into.shift = next(addresses).data_ptr(), next(addresses).data_ptr()
            into.running_mean, into.running_var = _address(norm.running_mean), _address(norm.running_var)

    def track(self) -> None:
        """Let running statistics go along with this pass."""
        for into, norm in zip(self.convolutions, self.layout.norms):
            rate = None if norm is None else tracking_rate(norm)
            into.momentum = -1.0 if rate is None else rate

    def saved(self) -> Tensor:
        """Memory for what the backward pass needs."""
        size = ctypes.c_int64()
        library().dense_cell_saved(ctypes.byref(self.cell), self.is_double, ctypes.byref(size))
        return store.lend(max(1, size.value))

    def forward(self, saved: Tensor, like: Tensor) -> Tensor:
        """The output (B, C', H', W'), in channels-last memory and of the type of `like`."""
        last = self.shapes[-1]
        shape = (like.shape[0], last.channels * self.layout.divisor, last.height, last.width)
        y = torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last)
        self.cell.output = y.data_ptr()
        self._describe(saved)
        library().dense_cell_forward(ctypes.byref(self.cell), self.is_double)
        return y

    def backward(
        self, saved: Tensor, g: Tensor, of_x: Tensor | None, of_coefficients: Tensor | None,
        of_parameters: Sequence[Tensor | None],
    ) -> None:  # fmt: skip
        """Compute gradients from that of the output, g (B, C, H, W).

        Args:
            of_x: as x, in channels-last memory. of_coefficients: [M] in float64, zeros. of_parameters: zeros, weights
                by `weight_layout`. None where one is not wanted.
        """
        g = g.contiguous(memory_format=torch.channels_last)
        self.cell.output_gradient, self.cell.input_gradient = g.data_ptr(), _address(of_x)
        self.cell.coefficient_gradient = _address(of_coefficients)
        gradients = iter(of_parameters)
        for into, norm in zip(self.convolutions, self.layout.norms):
            into.weight_gradient = _address(next(gradients))
            if norm is not None and norm.weight is not None:
                into.scale_gradient, into.shift_gradient = _address(next(gradients)), _address(next(gradients))
        self._describe(saved)
        library().dense_cell_backward(ctypes.byref(self.cell), self.is_double)

    def _describe(self, saved: Tensor) -> None:
        self.cell.saved = saved.data_ptr()
        for into, by_batch in zip(self.convolutions, self.batch_statistics):
            into.batch_statistics = by_batch


def weight_layout(parameter: Tensor) -> torch.memory_format:
    """How the kernels take a weight (C_out, C_in, k, k) or a parameter [C]."""
    return torch.contiguous_format if parameter.is_contiguous() else torch.channels_last


def _copied(structures: "ctypes.Array[ConvolutionStructure]") -> "ctypes.Array[ConvolutionStructure]":
    return type(structures).from_buffer_copy(structures)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
