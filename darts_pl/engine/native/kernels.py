"""The functions of the library, see forward.cpp and backward.cpp, and what they take."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from darts_pl.engine.native.build import library
from darts_pl.engine.native.memory import store
from darts_pl.engine.native.plan import Plan

ALIGNMENT = 64  # of layout.h; torch's own CPU memory has it

Pointer = ctypes.c_void_p


class Kernels:
    """A plan that the kernels run, for one type of numbers.

    Args:
        dtype: float32 or float64.
    """

    def __init__(self, plan: Plan, dtype: torch.dtype):
        numbers, reals = plan.numbers(), plan.reals()
        self._library = library()
        self._is_double = int(dtype == torch.float64)
        self._numbers = (ctypes.c_int64 * len(numbers))(*numbers)
        self._reals = (ctypes.c_double * max(1, len(reals)))(*reals)

    def forward(self, pointers: "Pointers", gates: Tensor | None, output: Tensor) -> Tensor:
        """Fill `output` (B, len(concat) · C, H, W), channels-last; returns the bytes that `backward` reads."""
        threads = torch.get_num_threads()
        kept, needed = self._bytes(self._library.cell_forward_bytes, 2, threads)
        saved = store.lend(kept)
        work = store.lend(needed)
        self._library.cell_forward(
            *self._head(pointers),
            address(gates),
            address(saved),
            address(work),
            address(output),
            threads,
        )
        return saved

    def backward(
        self,
        pointers: "Pointers",
        gates: Tensor | None,
        saved: Tensor,
        gradient: Tensor,
        gradients: "Gradients",
    ) -> None:
        """Fill `gradients` by the gradient of the output, channels-last."""
        threads = torch.get_num_threads()
        (needed,) = self._bytes(self._library.cell_backward_bytes, 1, threads)
        work = store.lend(needed)
        self._library.cell_backward(
            *self._head(pointers),
            address(gates),
            address(saved),
            address(work),
            address(gradient),
            ctypes.byref(gradients.struct),
            threads,
        )

    def _bytes(self, function: Callable[..., None], count: int, threads: int) -> list[int]:
        found = (ctypes.c_int64 * count)()
        function(self._is_double, self._numbers, self._reals, threads, found)
        return list(found)

    def _head(self, pointers: "Pointers") -> tuple[Any, ...]:
        return self._is_double, self._numbers, self._reals, ctypes.byref(pointers.struct)


class _PointersStruct(ctypes.Structure):
    _fields_ = [("inputs", Pointer), ("weights", Pointer), ("norms", Pointer), ("masks", Pointer)]


class Pointers:
    """Inputs (channels-last), parameters, running statistics and masks in the order of plan.h; None: there is none.

    The tensors must live until the kernels have run.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        weights: Sequence[Tensor | None],
        norms: Sequence[Tensor | None],
        masks: Sequence[Tensor],
    ):
        self._held = addresses(inputs), addresses(weights), addresses(norms), addresses(masks)
        self.struct = _PointersStruct(*(ctypes.cast(each, Pointer) for each in self._held))


class _GradientsStruct(ctypes.Structure):
    _fields_ = [
        ("inputs", Pointer),
        ("gates", Pointer),
        ("weights", Pointer),
        ("norms", Pointer),
        ("wants_weights", ctypes.c_int64),
    ]


class Gradients:
    """Where gradients go: of the inputs (None where not wanted), the gates (float64), weights and normalisations."""

    def __init__(
        self,
        inputs: Sequence[Tensor | None],
        gates: Tensor,
        weights: Sequence[Tensor | None],
        norms: Sequence[Tensor | None],
        wants_weights: bool,
    ):
        self._held = addresses(inputs), addresses(weights), addresses(norms)
        of_inputs, of_weights, of_norms = (ctypes.cast(each, Pointer) for each in self._held)
        self.struct = _GradientsStruct(of_inputs, address(gates), of_weights, of_norms, int(wants_weights))


def address(tensor: Tensor | None) -> Pointer:
    """Where a tensor's first value lies."""
    return Pointer(None if tensor is None else tensor.data_ptr())


def addresses(tensors: Sequence[Tensor | None]) -> "ctypes.Array[Any]":
    """Where the first values of tensors lie, as an array of pointers."""
    return (Pointer * max(1, len(tensors)))(*[None if each is None else each.data_ptr() for each in tensors])
