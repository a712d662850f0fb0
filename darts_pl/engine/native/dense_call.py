"""The call of the kernels for a cell of dense convolutions."""

import ctypes
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from darts_pl.engine.native.build import library
from darts_pl.engine.native.dense_plan import CellStructure, ConvolutionStructure, Passage, TermStructure
from darts_pl.engine.norms import takes_batch_statistics, tracking_rate


class DenseCall:
    """A description of a pass with the addresses of its tensors, which have to outlive it.

    Args:
        x: (B, C, H, W) in channels-last memory. parameters: weight, scale and shift of every convolution, without what
            a normalisation does not have.

    Attributes:
        batch_statistics: for every convolution whether it is normalised by the batch at hand.
    """

    def __init__(self, found: Passage, x: Tensor, coefficients: Tensor | None, parameters: Sequence[Tensor]):
        self.found, self.is_double = found, int(x.dtype == torch.float64)
        self.batch_statistics = [takes_batch_statistics(each.stage.norm) for each in found.convolutions]
        self.tensors: list[Tensor | None] = [x, coefficients, *parameters]
        self.convolutions = (ConvolutionStructure * len(found.convolutions))()
        self.terms = (TermStructure * len(found.terms))(*found.terms)
        self.norms = [each.stage.norm for each in found.convolutions]
        batch, channels, height, width = x.shape
        self.cell = CellStructure(
            batch, height, width, channels, found.states, len(found.convolutions), len(found.terms),
            torch.get_num_threads(), self.convolutions, self.terms, _address(coefficients), x.data_ptr(),
        )  # fmt: skip
        self._describe(iter(parameters))

    def _describe(self, parameters: Iterator[Tensor]) -> None:
        for into, each in zip(self.convolutions, self.found.convolutions):
            conv, norm = each.stage.conv, each.stage.norm
            into.source, into.target, into.coefficient = each.source, each.target, each.coefficient
            into.kernel, into.dilation = conv.kernel_size[0], conv.dilation[0]
            into.eps, into.momentum = norm.eps, -1.0
            weight = next(parameters)
            layout = weight_layout(weight)
            into.channels_last = layout == torch.channels_last
            into.weight = self._kept(weight.contiguous(memory_format=layout))
            into.scale = None if norm.weight is None else next(parameters).data_ptr()
            into.shift = None if norm.bias is None else next(parameters).data_ptr()
            into.running_mean, into.running_var = _address(norm.running_mean), _address(norm.running_var)

    def _kept(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return tensor.data_ptr()

    def track(self) -> None:
        """Let running statistics go along with this pass."""
        for into, norm in zip(self.convolutions, self.norms):
            rate = tracking_rate(norm)
            into.momentum = -1.0 if rate is None else rate

    def saved(self) -> Tensor:
        """Memory for what the backward pass needs."""
        size = library().dense_cell_saved(ctypes.byref(self.cell), self.is_double)
        return torch.empty(size, dtype=torch.uint8)

    def forward(self, saved: Tensor, y: Tensor) -> None:
        """Compute y (B, C, H, W), in channels-last memory."""
        self.cell.output = y.data_ptr()
        self._run("dense_cell_forward", saved)

    def backward(
        self, saved: Tensor, g: Tensor, of_x: Tensor | None, of_coefficients: Tensor | None,
        of_parameters: Sequence[Tensor | None],
    ) -> None:  # fmt: skip
        """Compute gradients from that of the output, g (B, C, H, W).

        Args:
            of_x: as x, in channels-last memory. of_coefficients: [M] in float64, zeros. of_parameters: zeros, weights by
                `weight_layout`. None where one is not wanted.
        """
        g = g.contiguous(memory_format=torch.channels_last)
        self.cell.output_gradient, self.cell.input_gradient = g.data_ptr(), _address(of_x)
        self.cell.coefficient_gradient = _address(of_coefficients)
        parameters = iter(of_parameters)
        for into, norm in zip(self.convolutions, self.norms):
            into.weight_gradient = _address(next(parameters))
            into.scale_gradient = None if norm.weight is None else _address(next(parameters))
            into.shift_gradient = None if norm.bias is None else _address(next(parameters))
        self._run("dense_cell_backward", saved)

    def _run(self, name: str, saved: Tensor) -> None:
        self.cell.saved = saved.data_ptr()
        for into, by_batch in zip(self.convolutions, self.batch_statistics):
            into.batch_statistics = by_batch
        getattr(library(), name)(ctypes.byref(self.cell), self.is_double)


def weight_layout(weight: Tensor) -> torch.memory_format:
    """How the kernels take a weight (C_out, C_in, k, k)."""
    return torch.contiguous_format if weight.is_contiguous() else torch.channels_last


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
