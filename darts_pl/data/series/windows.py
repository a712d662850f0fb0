"""Windows gathered from one copy of the rows when a batch needs them."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

WindowBatch = tuple[dict[str, Tensor], Tensor]


class Inputs:
    """What a network sees of the windows that start at given rows.

    `inputs[starts]` for int64 [B] is `{"past": [B, T, C], "past_known": [B, T, F], "future_known": [B, P, F]}`; the
    latter two only where F > 0.

    Args:
        past: float [rows, C], targets first. known: float [rows, F], F may be 0. look_back: T. horizon: P.
    """

    def __init__(self, past: Tensor, known: Tensor, look_back: int, horizon: int):
        self.past, self.known, self.look_back, self.horizon = past, known, look_back, horizon

    @property
    def device(self) -> torch.device:
        """Where the rows lie; starts are expected there."""
        return self.past.device

    def __getitem__(self, starts: Tensor) -> dict[str, Tensor]:
        x = {"past": gather(self.past, starts, self.look_back)}
        if self.known.shape[1]:
            x["past_known"] = gather(self.known, starts, self.look_back)
            x["future_known"] = gather(self.known, starts + self.look_back, self.horizon)
        return x


class Truth:
    """What is to be forecast in the windows that start at given rows: `truth[starts]` is float [B, P, Y].

    Args:
        targets: float [rows, Y]. look_back: T. horizon: P.
    """

    def __init__(self, targets: Tensor, look_back: int, horizon: int):
        self.targets, self.look_back, self.horizon = targets, look_back, horizon

    def __getitem__(self, starts: Tensor) -> Tensor:
        return gather(self.targets, starts + self.look_back, self.horizon)


class Windows:
    """All windows of one part, gathered when asked for.

    `windows[i]` for an int64 tensor or a slice of window numbers is `(x, y)` as a network sees them.

    Args:
        inputs, truth: over the rows. starts: int64 [W], the first row of each window.
    """

    def __init__(self, inputs: Inputs, truth: Truth, starts: Tensor):
        self.inputs, self.truth, self.starts = inputs, truth, starts

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, chosen: Tensor | slice) -> WindowBatch:
        starts = self.starts[chosen].to(self.inputs.device)
        return self.inputs[starts], self.truth[starts]

    def batches(self, size: int) -> Iterator[WindowBatch]:
        """All windows in their order, `size` at a time, the last batch with what is left."""
        for first in range(0, len(self), size):
            yield self[first : first + size]


def gather(rows: Tensor, first: Tensor, length: int) -> Tensor:
    """`length` rows from each of `first` [B] on: [B, length, channels] of `rows` [R, channels]."""
    index = first[:, None] + torch.arange(length, device=rows.device)
    return rows.index_select(0, index.reshape(-1)).reshape(len(first), length, rows.shape[1])


def evenly(starts: range, n: int | None) -> Tensor:
    """int64 [min(n, len(starts))]: so many of `starts` at even distances, the first and the last among them; all where
    `n` is None."""
    if n is None or n >= len(starts):
        return torch.arange(starts.start, starts.stop)
    chosen = np.linspace(0, len(starts) - 1, n) if n > 1 else np.zeros(1)
    return torch.from_numpy(np.rint(chosen).astype(np.int64)) + starts.start
