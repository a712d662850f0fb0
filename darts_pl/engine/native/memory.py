"""Memory that is used again from one pass to the next.

A large block that the C library allocates anew comes from the system page by page, zeroed, which takes a fifth of the
time of a pass. Here a block goes back to a store once its last tensor is gone. The store holds no more than was in use
at one time.
"""

import ctypes
import threading
import weakref
from collections import deque

import torch
from torch import Tensor

SPARE = 1.25  # a block may be so many times larger than what is asked for


class Store:
    """Blocks of memory, lent as tensors."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Tensor] = []  # the one that came back last at the end
        self._back: deque[Tensor] = deque()  # come back since: tensors die at any time, also while the lock is held
        self._used = self._most = 0

    def lend(self, size: int) -> Tensor:
        """A tensor of `size` bytes (uint8), at an address as aligned as torch's own, of any content."""
        with self._lock:
            block = self._block(size)
        lent = (ctypes.c_uint8 * size).from_address(block.data_ptr())
        weakref.finalize(lent, self._back.append, block).atexit = False
        return torch.frombuffer(lent, dtype=torch.uint8)

    def _block(self, size: int) -> Tensor:
        while self._back:
            self._used -= self._back[0].numel()
            self._free.append(self._back.popleft())
        fitting = [block for block in self._free if size <= block.numel() <= SPARE * size]
        if fitting:
            block = min(fitting, key=Tensor.numel)
            self._free = [each for each in self._free if each is not block]
        else:
            self._drop(size)
            block = torch.empty(size, dtype=torch.uint8)
        self._used += block.numel()
        self._most = max(self._most, self._used)
        return block

    def _drop(self, size: int) -> None:
        """Give up the blocks that have waited longest, so that one of `size` more keeps within what was once used."""
        held = self._used + sum(block.numel() for block in self._free)
        while self._free and held + size > self._most:
            held -= self._free.pop(0).numel()


store = Store()
