"""Texts of different lengths in one tensor, padded batch by batch."""

from collections.abc import Sequence

import torch
from torch import Tensor


class TokenRows:
    """`rows[chosen]` for int64 [B] is int64 [B, T] with T the longest of these rows; shorter ones end in 0.

    Args:
        rows: numbers, one or more a row.
    """

    def __init__(self, rows: Sequence[Sequence[int]]):
        self.lengths = torch.tensor([len(row) for row in rows])
        self.starts = self.lengths.cumsum(0) - self.lengths
        self.flat = torch.tensor([number for row in rows for number in row])

    @property
    def device(self) -> torch.device:
        """Where the numbers lie."""
        return self.flat.device

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, chosen: Tensor) -> Tensor:
        lengths = self.lengths[chosen]
        steps = torch.arange(int(lengths.max()))
        within = steps < lengths[:, None]
        index = (self.starts[chosen][:, None] + steps).masked_fill(~within, 0)
        return self.flat[index].masked_fill(~within, 0)
