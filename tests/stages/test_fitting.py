"""Exhausted memory is told in the user's words, from whichever library and in whichever stage it comes."""

import pytest
import torch

from darts_pl.errors import TrainingError
from darts_pl.stages.fitting import memory_errors

MESSAGES = [
    "MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1.00 GB, max allowed: 9.07 GB)",
    "CUDA error: out of memory",
    "HIP out of memory. Tried to allocate 2.00 GiB",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_what_torch_says_of_no_memory_is_known(message: str) -> None:
    told = "out of memory at step 7 with batch_size=64"
    with pytest.raises(TrainingError, match=told) as caught, memory_errors(64, lambda: 7):
        raise RuntimeError(message)
    assert str(caught.value.__cause__) == message


def test_a_real_allocation_that_fails() -> None:
    with pytest.raises(TrainingError, match="batch_size"), memory_errors(4, lambda: 0):
        torch.empty(2**50, dtype=torch.uint8)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("no words")])
def test_errors_of_memory_are_known_by_their_type(error: Exception) -> None:
    with pytest.raises(TrainingError, match="out of memory at step 3"), memory_errors(1, lambda: 3):
        raise error


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match=r"^a defect$"), memory_errors(1, lambda: 3):
        raise RuntimeError("a defect")
